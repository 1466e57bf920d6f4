"""Beside other packages that bring agents into Jupyter, each in an environment of its own with ours.

`python -m beside` (`.ci/nightly`) installs them as docs/beside.md says, starts the server, and prints what was seen.
"""
