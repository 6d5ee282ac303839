"""Tests of what a scan is given."""
