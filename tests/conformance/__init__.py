"""`python -m conformance`: the protocol's own conformance suite, through the relay, in both eras.

Its scenarios call tools, resources and prompts that a server must have for them. Ours has none of these, so a sidecar
of the tests' own adds them (`sidecar.py`, `fixtures.py`); they are no part of the package. What answers is the rest as
it is shipped: Jupyter, the relay, the guard, the sessions, the server with its own handlers.
"""
