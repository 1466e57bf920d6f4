"""What the proxy costs, measured: `python -m benchmarks`, `python -m benchmarks.compare`. See README.md beside this."""
