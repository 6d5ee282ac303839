"""Tests of the work on a scan."""
