"""Tests of models and prices."""
