"""AI agents work in your live Jupyter notebooks, under Jupyter's own login."""

from __future__ import annotations

__version__ = "1.0.0"

__all__ = ["__version__"]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter Server where the extension lives (imported only when a server starts)."""
    return [{"module": "jupyter_mcp_proxy.parent.extension", "name": "jupyter_mcp_proxy"}]
