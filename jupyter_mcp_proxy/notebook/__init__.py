"""The domain: documents, cells, executions, outputs. No MCP and no HTTP in it."""
