"""Commands that a maintainer runs from time to time: locks, prices, known vulnerabilities."""
