"""The nearest peers beside us, line by line, in one run: `python -m benchmarks.peers`."""

from benchmarks import parts  # the tests' harness is found from then on

__all__ = ["parts"]
