"""Tests of what is read in it."""
