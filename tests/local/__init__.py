"""Tests of what runs on a laptop."""
