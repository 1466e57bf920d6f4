"""The Python SDK's client signs in, from the endpoint's URL alone."""

from __future__ import annotations

import pytest
from harness import ERAS, JupyterProcess
from harness.signing_in import Browser, Kept, signed_in

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("era", ERAS)
async def test_from_the_url_alone_to_a_tool_call(live: JupyterProcess, name: str, era: str) -> None:
    """One click of a person who is logged in; after that the client comes in with what it was given."""
    live.write_notebook(name, "1 + 1")
    kept = Kept()
    async with signed_in(live, kept, Browser(live).allow, era) as agent:
        assert "1 + 1" in await agent.ok("read_cell", notebook=name, cell=0)
    assert kept.tokens is not None
    assert kept.tokens.access_token.startswith("jmp_s")
    assert kept.tokens.scope == "look edit run"
    async with signed_in(live, kept, None, era) as agent:
        assert "2" in await agent.ok("run_cells", notebook=name)
