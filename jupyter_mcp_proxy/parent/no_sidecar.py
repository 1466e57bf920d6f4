"""The page of the tile where there is no sidecar, which would draw it: it says how to get one."""

from __future__ import annotations

from html import escape

from .. import __version__
from ..store.sidecars import INSTALL

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Connect an AI agent</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }}
pre {{ padding: 1rem; border: 1px solid currentColor; border-radius: 6px; overflow-x: auto }}
</style>
</head>
<body>
<main>
<h1>One step is missing</h1>
<p>This server has its part of jupyter-mcp-proxy {version}. The other part, the sidecar, has an environment of its own,
and that is not there yet. Make it in a terminal of this server:</p>
<pre><code>{command}</code></pre>
<p>It takes a minute. Nothing has to be restarted; this page looks again by itself.</p>
</main>
</body>
</html>
"""


def page() -> str:
    """The page; it asks again every five seconds."""
    return PAGE.format(version=escape(__version__), command=escape(f"jupyter mcp-proxy {INSTALL}"))
