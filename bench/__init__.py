"""Benchmarks: they print figures of one run on one machine, side by side, and assert nothing."""
