"""Tests of what may reach a visitor."""
