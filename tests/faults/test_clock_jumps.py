"""The machine's clock jumps while the server runs: nothing that has ended is taken, nothing that holds is lost."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter
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
        assert (is_taken(server, short), is_taken(server, long)) == holds, how_far
    jump("+0")
    assert is_taken(server, short)
    assert is_taken(server, long)


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
    assert not is_taken(server, again["access_token"]), "it was for an hour of yesterday"
    status, last = refresh(server, client, again["refresh_token"])
    assert status == 200, last
    assert is_taken(server, last["access_token"]), "its client is let in again without a person"
