"""Tests of a maintainer's tools."""
