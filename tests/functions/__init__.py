"""Tests of the deployed functions, through their URL."""
