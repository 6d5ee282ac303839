"""Tests of a scan's work."""
