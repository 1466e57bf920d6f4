"""A stdio MCP server that passes every message on to a running server's endpoint, in both protocol eras.

Runs in a process of its own, which a client starts for each conversation: it loads the standard library and `h11`.
"""
