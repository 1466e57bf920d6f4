"""The machine's clock jumps while the server runs: nothing that has ended is taken, nothing that holds is lost."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, connect
from harness.machine import needs
from harness.requests import INITIALIZE, as_client, post
from harness.signing_in import Browser, refresh, sign_in
from harness.tokens import make

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="preloads libfaketime"),
]

Jump = Callable[[str], None]


@pytest.fixture
def jumping(start_jupyter: StartJupyter, tmp_path: Path) -> tuple[JupyterProcess, Jump]:
    """A server, and what moves its clock: the server's, the sidecar's and the kernels', and no duration of theirs."""
    needs("faketime", "apt-get install faketime")
    assert shutil.which("faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    clock = tmp_path / "clock"
    clock.write_text("+0")
    server = start_jupyter(
        environment={
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )  # fmt: skip

    def jump(how_far: str) -> None:
        new = clock.with_suffix(".new")
        new.write_text(how_far)
        new.replace(clock)

    return server, jump


def is_taken(server: JupyterProcess, token: str) -> bool:
    """Whether a token opens the endpoint; where not, it is refused with a reason and no traceback."""
    status, _, told = post(server, INITIALIZE, **as_client(token))
    assert status in (200, 401, 403), told
    return status == 200


async def test_a_scoped_token_ends_by_the_clock_and_is_good_again_after_a_jump_there_and_back(
    jumping: tuple[JupyterProcess, Jump],
) -> None:
    server, jump = jumping
    short, long = make(server, "short", days=0.5), make(server, "long", days=60)
    for how_far, holds in [
        ("+0", (True, True)),
        ("+1d", (False, True)),
        ("+70d", (False, False)),
        ("+40d", (False, True)),
    ]:
        jump(how_far)
        assert [is_taken(server, short), is_taken(server, long)] == holds, how_far
    jump("+0")
    assert (is_taken(server, short), is_taken(server, long)) == (True, True)


async def test_a_sign_in_is_renewed_after_a_day_ends_after_forty_and_is_back_with_the_clock(
    jumping: tuple[JupyterProcess, Jump],
) -> None:
    server, jump = jumping
    client, tokens = sign_in(server, Browser(server))
    access = tokens["access_token"]
    assert is_taken(server, access)
    jump("+40d")
    assert not is_taken(server, access)
    status, told = refresh(server, client, tokens["refresh_token"])
    assert (status, told["error"]) == (400, "invalid_grant")
    jump("+1d")
    assert not is_taken(server, access)
    status, renewed = refresh(server, client, tokens["refresh_token"])
    assert status == 200, renewed
    assert is_taken(server, renewed["access_token"])
    jump("-1d")
    status, again = refresh(server, client, renewed["refresh_token"])
    assert status == 200, again
    assert is_taken(server, again["access_token"])
    jump("+0")
    assert is_taken(server, again["access_token"]), "made under a clock that was behind, it may not be lost at once"


@pytest.mark.parametrize("how_far", ["-1d", "+1d", "+40d"])
async def test_a_conversation_a_run_and_a_pause_go_on_over_a_jump(
    jumping: tuple[JupyterProcess, Jump], how_far: str
) -> None:
    server, jump = jumping
    server.write_notebook("a.ipynb", "import time; time.sleep(3); print('whole')", "b = 1")
    async with connect(server, "2025-06-18") as agent:
        await agent.ok("execute_ipython", notebook="a.ipynb", code="1")
        told = await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=0)
        jump(how_far)
        told = await agent.ok("wait_execution", notebook="a.ipynb", wait=30)
        assert "whole" in told
        await agent.ok("overwrite_cell_source", notebook="a.ipynb", cell=1, source="b = 2")
        assert "b = 2" in await agent.ok("read_cells", notebook="a.ipynb", cells=[1])
        jump("+0")
        assert "whole" in await agent.ok("execute_cell", notebook="a.ipynb", cell=0, wait=30)
    assert "Traceback" not in server.log
