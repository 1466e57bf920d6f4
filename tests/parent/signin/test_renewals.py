"""Windows of one program that renew their sign-in in the same moment: none loses it, and a thief is still found out."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness import INITIALIZE, JupyterProcess, as_client, post, until
from harness.signing_in import client_id, refresh, sign_in
from harness.tokens import place_of, store_of

from jupyter_mcp_proxy.parent.signin.renewals import Renewals
from jupyter_mcp_proxy.store.filelock import locked
from jupyter_mcp_proxy.store.signins import SignIns

pytestmark = pytest.mark.anyio


def all_but_the_time(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "expires_in"}


def test_whoever_renews_in_the_same_moment_is_given_the_same_tokens(live: JupyterProcess) -> None:
    client, first = sign_in(live)
    with ThreadPoolExecutor(4) as windows:
        answers = list(windows.map(lambda _: refresh(live, client, first["refresh_token"]), range(4)))
    assert [status for status, _ in answers] == [200] * 4, answers
    told = all_but_the_time(answers[0][1])
    assert all(all_but_the_time(each) == told for _, each in answers)
    assert post(live, INITIALIZE, **as_client(told["access_token"]))[0] == 200
    status, second = refresh(live, client, told["refresh_token"])
    assert status == 200, "and goes on from there"
    assert second["refresh_token"] != told["refresh_token"]


def test_what_has_ended_or_is_anothers_has_no_such_moment(live: JupyterProcess) -> None:
    client, first = sign_in(live)
    assert refresh(live, client, first["refresh_token"])[0] == 200
    assert refresh(live, client_id(live), first["refresh_token"])[0] == 400
    assert refresh(live, client, first["refresh_token"][:-1] + "#")[0] == 400, "one that was never given ends it"
    assert refresh(live, client, first["refresh_token"])[0] == 400
    client, first = sign_in(live)
    assert refresh(live, client, first["refresh_token"])[0] == 200
    SignIns(store_of(live)).revoke(first["access_token"].split("_")[1])
    assert refresh(live, client, first["refresh_token"])[0] == 400


async def test_an_answer_is_forgotten_after_its_moment(live: JupyterProcess) -> None:
    """By itself: no token is kept in memory because nobody asks."""
    store = SignIns(store_of(live))
    tokens = store.begin(place_of(live), "x", "run", 1, "ann", "client", 3600)
    asked: list[int] = []

    async def renew() -> Any:
        asked.append(1)
        await asyncio.sleep(0)
        return tokens

    renewals = Renewals(grace=0.05)
    first = await renewals.answer("token", "client", renew)
    assert first.access == tokens.access
    await until(lambda: not renewals._answers)
    await renewals.answer("token", "client", renew)
    assert len(asked) == 2
    await until(lambda: not renewals._answers)


async def test_a_failure_is_told_to_all_who_asked() -> None:
    async def fails() -> Any:
        await asyncio.sleep(0.01)
        raise ValueError("no")

    renewals = Renewals()
    answers = await asyncio.gather(*(renewals.answer("t", "c", fails) for _ in range(3)), return_exceptions=True)
    assert [str(each) for each in answers] == ["no"] * 3
    assert not renewals._answers, "the next try is one"


def test_whoever_waits_for_the_file_holds_up_nobody_else(live: JupyterProcess) -> None:
    """Another process is writing it: that is waited for in a thread, not in the server's loop."""
    client, first = sign_in(live)
    with ThreadPoolExecutor(1) as window:
        with locked(store_of(live).file.with_suffix(".lock")):
            renewal = window.submit(refresh, live, client, first["refresh_token"])
            assert post(live, None, "mcp-proxy/.well-known/oauth-protected-resource", "GET")[0] == 200
            assert post(live, INITIALIZE, **as_client(first["access_token"]))[0] == 200
            assert not renewal.done()
        assert renewal.result()[0] == 200
