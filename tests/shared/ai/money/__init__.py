"""Tests of the money protocol."""
