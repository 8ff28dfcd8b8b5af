"""Benchmarks of bladenet against its peers, its targets and the machine. See README.md."""
