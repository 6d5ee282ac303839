"""What a maintainer runs now and then: locks, prices, known vulnerabilities."""
