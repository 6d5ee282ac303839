"""Tests of the filter of answers to visitors."""
