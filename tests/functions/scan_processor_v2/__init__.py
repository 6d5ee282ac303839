"""Tests of scan-processor-v2."""
