"""Benchmarks: each prints the figures of one run on one machine, side by side, and asserts nothing."""
