"""Signing in: a client that knows the endpoint's URL alone is allowed in by a person, behind Jupyter's own login.

An authorization server for one resource, this server's endpoint. `origin`, `metadata`, `scopes`, `redirects`, `clients`
and `flow` are pure; `desk` knows the store and the settings; `machine` and `consent` are the handlers.
"""
