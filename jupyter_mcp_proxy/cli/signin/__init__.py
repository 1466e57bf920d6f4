"""Signing in at a server elsewhere, for `stdio`: the client's half of docs/signin.md."""
