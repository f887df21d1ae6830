"""Timings, on request: ``pytest -m benchmark -s tests/benchmarks``."""
