"""`jupyter mcp-proxy config`: every setting, its value and its environment variable."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Iterable
from typing import Any

from ..contract import ENV_PREFIX
from .output import remark

DESCRIPTION = """\
List every setting: its default, its value in this environment, what it does, and how to set it in
Jupyter's configuration or by an environment variable. Configuration files are not read: a server may
be started with others. Where both set something, Jupyter's configuration wins."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy config
  JUPYTER_MCP_PROXY_TIER=read jupyter mcp-proxy config

exit codes: 0 listed, 1 an environment variable has a value that its setting cannot take."""


def declare(command: argparse.ArgumentParser) -> None:
    """No options."""


def run(options: argparse.Namespace) -> int:
    """List every setting of `MCPProxy`."""
    from ..config import MCPProxy

    try:
        settings = MCPProxy()
    except ValueError as error:
        remark(str(error))
        return 1
    traits = sorted(MCPProxy.class_traits(config=True).items())
    print("\n".join(describe(name, trait, getattr(settings, name)) for name, trait in traits))
    return 0


def describe(name: str, trait: Any, value: object) -> str:
    """A setting as lines: its help, default, value, configuration line and environment variable."""
    variable = ENV_PREFIX + name.upper()
    default = trait.default()
    now = f"{value!r}  (from {variable})" if variable in os.environ else f"{value!r}  (the default)"
    lines: Iterable[str] = (
        name,
        textwrap.indent(textwrap.fill(trait.help, 96), "  "),
        f"  default      {default!r}",
        f"  now          {now}",
        f"  config file  c.MCPProxy.{name} = {default!r}",
        f"  environment  {variable}",
        "",
    )
    return "\n".join(lines)
