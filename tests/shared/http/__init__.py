"""Tests of requests and replies."""
