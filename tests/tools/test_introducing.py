"""What the server says of itself and to whom, in both eras: no more than is so."""

from __future__ import annotations

import pytest
from harness import ERAS, JupyterProcess, connect
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import INVALID_PARAMS, SERVER_INFO_META_KEY, ResourceTemplateReference, Result

from jupyter_mcp_proxy import __version__

pytestmark = pytest.mark.anyio

CELL = ResourceTemplateReference(uri="notebook://{path}/cells/{id}")


@pytest.mark.parametrize("era", ERAS)
async def test_lists_and_completions_are_signed_with_no_more_than_name_and_version(
    live: JupyterProcess, era: str
) -> None:
    signature = {SERVER_INFO_META_KEY: {"name": "jupyter-mcp-proxy", "version": __version__}}
    async with connect(live, era) as agent:
        results: list[Result] = [
            await agent.client.list_tools(),
            await agent.client.list_prompts(),
            await agent.client.list_resources(),
            await agent.client.list_resource_templates(),
            await agent.client.complete(CELL, {"name": "path", "value": "no-such"}),
        ]
        assert [result.meta for result in results] == [None if era == "legacy" else signature] * len(results)


@pytest.mark.parametrize("era", ("auto", "legacy"))  # `auto` asks the server what it can, in the new era
async def test_what_is_never_sent_is_not_declared(live: JupyterProcess, era: str) -> None:
    async with connect(live, era) as agent:
        declared = agent.client.server_capabilities
        assert declared.tools and declared.prompts and declared.resources and declared.completions
        assert not declared.tools.list_changed
        assert not declared.prompts.list_changed
        assert not declared.resources.list_changed
        assert declared.resources.subscribe
        assert (declared.logging is not None) == (era == "legacy")


async def test_no_change_of_a_list_is_promised_to_who_listens(live: JupyterProcess) -> None:
    async with connect(live) as agent, agent.client.listen(resources_list_changed=True) as listening:
        assert not listening.honored.resources_list_changed


@pytest.mark.parametrize("era", ERAS)
async def test_an_unknown_tool_is_an_error_of_the_protocol_that_names_near_ones(live: JupyterProcess, era: str) -> None:
    async with connect(live, era) as agent:
        with pytest.raises(MCPError, match=r"There is no tool 'run_cell'\. Near matches: run_cells") as error:
            await agent.call("run_cell")
        assert error.value.code == INVALID_PARAMS
        assert await agent.ok("list_kernels"), "and the connection goes on"


async def test_a_client_of_the_old_era_may_set_a_level_of_logging(live: JupyterProcess) -> None:
    async with connect(live, "legacy") as agent:
        with pytest.warns(MCPDeprecationWarning):
            await agent.client.set_logging_level("debug")
        assert await agent.ok("list_kernels")
