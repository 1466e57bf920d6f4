"""Real clients, as people install them, which get the endpoint's URL and nothing else.

`python -m signingin` (`.ci/nightly`) lets each sign in, at a server on a laptop and behind a JupyterHub, with a person
in Chromium who clicks Allow; then it makes a call whose answer has an image, where it can without a model. A table is
printed.
"""
