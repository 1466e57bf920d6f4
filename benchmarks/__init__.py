"""What the proxy costs, measured: `python -m benchmarks`. See README.md beside this file."""
