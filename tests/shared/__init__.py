"""Tests of the code that the functions share."""
