"""Tests of the database: its policies, guards and starting points."""
