"""The process that speaks MCP: settings, guard, page, and the life of the whole."""
