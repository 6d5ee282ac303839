"""Tests of a scan's input."""
