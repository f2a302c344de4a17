"""How fast it is, beside what others would use: `python -m benchmarks`, or `make bench`."""
