"""Clients as people install them, from npm and the Python package index, whose sidecar is killed again and again.

`python -m realclients` (`.ci/nightly`) gives each a call before, during and after the death of the sidecar: answered at
once, carried out once, and the next call works without a person. `programs/` has a program for each client.
"""
