"""In jupyter-ai's environment: its own models read `mcp_settings.json`, and its own SDK makes a call by it."""

import asyncio
import sys
from pathlib import Path

from jupyter_ai_persona_manager.mcp_server_models import McpSettings
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def main(settings, notebook):
    server = McpSettings.model_validate_json(Path(settings).read_text()).mcp_servers[0]
    headers = {header.name: header.value for header in server.headers}
    async with (
        streamablehttp_client(server.url, headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        result = await session.call_tool("insert_execute_code_cell", {"notebook": notebook, "source": "6 * 7"})
        print(result.content[0].text)


asyncio.run(main(*sys.argv[1:]))
