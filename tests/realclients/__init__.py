"""Clients as people install them, from npm and the Python package index.

`python -m realclients` (`.ci/nightly`) prints the table of client and check: what each can do with the endpoint.
`python -m realclients.deaths` kills the sidecar again and again and gives each client a call before, during and after
its death: answered at once, carried out once, and the next call works without a person.

`programs/` has a program for each library. An agent of the command line is its own: `model.py` plays its model.
"""
