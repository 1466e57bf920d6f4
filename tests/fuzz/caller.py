"""A client that sends anything: by the SDK what that sends, and by hand what it refuses to write."""

from __future__ import annotations

import json
from typing import Any

import anyio
from harness import ERAS, Agent, JupyterProcess, as_client, post, text
from mcp.shared.exceptions import MCPError

META = {
    "io.modelcontextprotocol/protocolVersion": ERAS[0],
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


async def answer(server: JupyterProcess, agent: Agent, tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    """Whether a call was refused, and all that was told."""
    if not _is_plain(arguments):
        return await anyio.to_thread.run_sync(_by_hand, server, tool, arguments)
    try:
        result = await agent.client.call_tool(tool, arguments)
    except MCPError as error:
        return True, str(error)
    return bool(getattr(result, "is_error", False)), text(result)  # type: ignore[arg-type]


def _is_plain(arguments: dict[str, Any]) -> bool:
    """Whether UTF-8 and JSON have all of it."""
    try:
        json.dumps(arguments, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def _by_hand(server: JupyterProcess, tool: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    headers = as_client(Mcp_Protocol_Version=ERAS[0], Mcp_Method="tools/call", Mcp_Name=tool)
    params = {"name": tool, "arguments": arguments, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    status, _, sent = post(server, body, **headers)
    said = json.loads(sent)
    if "error" in said:
        return True, str(said["error"]["message"])
    assert status == 200, sent
    result = said["result"]
    return bool(result["isError"]), "\n".join(each.get("text", "") for each in result["content"])
