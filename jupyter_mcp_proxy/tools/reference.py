"""The reference of all tools as Markdown: `python -m jupyter_mcp_proxy.tools.reference > docs/tools.md`."""

from __future__ import annotations

import json
from typing import Any

from ..contract import TIERS
from .registry import TOOLS
from .server import CATALOGUE

HEAD = """\
# Tools

Generated from the code by `python -m jupyter_mcp_proxy.tools.reference > docs/tools.md`.

Every tool belongs to one tier: `read` looks, `edit` changes documents and files, `run` executes. The list is the
same for everyone; a call beyond the caller's tier is an error that says so. A parameter in **bold** is required.
"""


def markdown() -> str:
    """The whole of docs/tools.md."""
    parts = [HEAD]
    for tier in TIERS:
        parts.append(f"## {tier}\n")
        # By name: the order in which they are declared is that in which their modules happen to be imported.
        parts += [_tool(name) for name in sorted(TOOLS) if TOOLS[name].tier == tier]
    parts.append(f"The catalogue is {catalogue_tokens():,} tokens at 4 characters each.\n")
    return "\n".join(parts)


def catalogue_tokens() -> int:
    """What the list of tools costs a model: JSON of name, description and input schema, at 4 characters a token."""
    listed = [
        {"name": name, "description": tool.description, "inputSchema": tool.parameters}
        for name, tool in CATALOGUE.items()
    ]
    return len(json.dumps(listed)) // 4


def _tool(name: str) -> str:
    tool = CATALOGUE[name]
    required = tool.parameters.get("required", [])
    lines = [f"### {name}\n", f"{tool.description}\n"]
    properties = tool.parameters.get("properties", {})
    for parameter, schema in properties.items():
        shown = f"**{parameter}**" if parameter in required else parameter
        known = schema.get("default", False if schema.get("type") == "boolean" else None)
        default = f"; default {json.dumps(known)}" if known is not None else ""
        about = f": {schema['description']}" if schema.get("description") else ""
        lines.append(f"- {shown} ({_type(schema)}{default}){about}")
    if properties:
        lines.append("")
    return "\n".join(lines)


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(arm) for arm in schema["anyOf"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    return f"list of {_type(schema['items'])}" if kind == "array" else str(kind)


if __name__ == "__main__":
    print(markdown(), end="")
