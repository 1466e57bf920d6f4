"""What runs in the Jupyter process: loads no `mcp`, no `pydantic`, no `pycrdt`."""
