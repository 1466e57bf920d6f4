"""The MCP surface: one module per group of tools, and the server that serves them."""
