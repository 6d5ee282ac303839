"""Tests of reading a scan's input."""
