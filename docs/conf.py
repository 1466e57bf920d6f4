"""The documentation site: Sphinx over the Markdown that is read on GitHub as it stands.

`sphinx-build -W -c docs . site` from the repository's root, so that links to SECURITY.md and the like lead somewhere.
"""

from __future__ import annotations

import importlib.metadata

project = "jupyter-mcp-proxy"
author = "the contributors of jupyter-mcp-proxy"
copyright = f"2026, {author}"
release = version = importlib.metadata.version(project)

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/decisions/**.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "RELEASE.md",
    "benchmarks/README.md",
]
extensions = ["myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 4  # as GitHub makes them

html_theme = "pydata_sphinx_theme"
html_title = project
html_favicon = html_logo = "../jupyter_mcp_proxy/icon.svg"
html_theme_options = {
    "github_url": "https://github.com/jupyter-mcp-proxy/jupyter-mcp-proxy",
    "header_links_before_dropdown": 4,
    "logo": {"text": project},
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_sidebars = {"docs/index": []}
