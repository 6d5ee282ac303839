"""Tests of the database, files and tokens."""
