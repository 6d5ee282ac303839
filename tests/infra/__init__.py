"""Tests of the deployment's template."""
