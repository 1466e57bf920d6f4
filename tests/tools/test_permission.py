"""Whose code a person is asked about before it runs, and what ends the wait for them. Without a server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import anyio
import pytest

from jupyter_mcp_proxy.tools.asking_rules import AskingRules, Who
from jupyter_mcp_proxy.tools.permission import Permission, Piece, Request, RunRefused, Verdict

pytestmark = pytest.mark.anyio

ADA, BOB = Who("claude-code", "Ada's laptop"), Who("claude-code", None)


def test_the_switch_for_all_is_for_those_that_come_later_too() -> None:
    rules = AskingRules(everyone=False)
    assert not rules.asks(ADA, "a.ipynb")
    rules.set_everyone(True)
    assert rules.asks(ADA, "a.ipynb")
    assert rules.asks(Who("nobody has seen it", None), "a.ipynb")


def test_a_single_client_is_its_name_and_its_token() -> None:
    rules = AskingRules(everyone=False)
    rules.set_single(ADA, True)
    assert rules.asks_of(ADA)
    assert not rules.asks_of(BOB)
    rules.set_single(ADA, False)
    assert not rules.asks_of(ADA)


def test_a_single_client_may_be_left_out_until_the_switch_for_all_is_used() -> None:
    rules = AskingRules(everyone=True)
    rules.set_single(ADA, False)
    assert (rules.asks_of(ADA), rules.asks_of(BOB)) == (False, True)
    rules.set_everyone(True)
    assert rules.asks_of(ADA)


def test_leave_for_a_notebook_is_for_that_client_there_until_a_switch_is_used() -> None:
    rules = AskingRules(everyone=True)
    rules.allow(ADA, "a.ipynb")
    rules.allow(BOB, "b.ipynb")
    assert not rules.asks(ADA, "a.ipynb")
    assert rules.asks(ADA, "b.ipynb")
    assert rules.asks(BOB, "a.ipynb")
    rules.set_single(ADA, True)
    assert rules.asks(ADA, "a.ipynb")
    assert not rules.asks(BOB, "b.ipynb")
    rules.set_everyone(True)
    assert rules.asks(BOB, "b.ipynb")


def test_switches_are_kept_and_leave_is_not() -> None:
    rules = AskingRules(everyone=True)
    rules.set_single(ADA, False)
    rules.allow(BOB, "b.ipynb")
    kept = AskingRules.of(rules.as_text())
    assert (kept.everyone, kept.asks_of(ADA), kept.asks(BOB, "b.ipynb")) == (True, False, True)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"everyone": false}', '{"everyone": false, "single": [1]}'])
def test_what_cannot_be_read_asks_about_everything(text: str) -> None:
    assert AskingRules.of(text).asks(ADA, "a.ipynb")


def permission(folder: Path, *, everyone: bool = True, patience: float = 20) -> Permission:
    made = Permission(str(folder), "run", os.getpid(), everyone=everyone)
    made.patience = patience
    return made


def wanted(who: Who = ADA, notebook: str = "a.ipynb") -> Request:
    return Request(who, "ada", notebook, "execute_ipython", [Piece("1 + 1")])


async def outcome(asking: Permission, request: Request) -> Verdict | str | None:
    try:
        await asking.ask(request)
    except RunRefused as error:
        return str(error)
    return None


async def test_what_nobody_answers_is_refused_and_says_whether_anybody_could_have(tmp_path: Path) -> None:
    asking = permission(tmp_path, patience=0.05)
    told = await outcome(asking, wanted())
    assert "nobody answered within 0.05 s: no JupyterLab of this server is open. Nothing was run." in str(told)
    asking.are_there = lambda: True
    assert "it was shown in an open JupyterLab" in str(await outcome(asking, wanted()))
    assert asking.shown() == []


@pytest.mark.parametrize(
    ("verdict", "said"),
    [(Verdict.ONCE, None), (Verdict.NOTEBOOK, None), (Verdict.DENY, "denied it"), (Verdict.STOPPED, "stopped this")],
)
async def test_one_answer_counts_and_takes_the_request_away(tmp_path: Path, verdict: Verdict, said: str | None) -> None:
    asking = permission(tmp_path)
    told: list[int] = []
    asking.announce = lambda: told.append(len(asking.shown()))
    request = wanted()
    waiting = asyncio.create_task(outcome(asking, request))
    await anyio.sleep(0)
    assert [each["id"] for each in asking.shown()] == [request.id]
    assert asking.answer(request.id, verdict)
    assert not asking.answer(request.id, Verdict.ONCE)
    found = await waiting
    assert found == said or str(said) in str(found)
    assert told[0] == 1
    assert told[-1] == 0
    assert asking.rules.asks(ADA, "a.ipynb") is (verdict is not Verdict.NOTEBOOK)


async def test_leave_for_the_notebook_lets_go_what_else_waits_there(tmp_path: Path) -> None:
    asking = permission(tmp_path)
    same, other = wanted(), wanted(notebook="b.ipynb")
    waiting = [asyncio.create_task(outcome(asking, each)) for each in (wanted(), same, other)]
    await anyio.sleep(0)
    asking.answer(same.id, Verdict.NOTEBOOK)
    assert await waiting[0] is None
    assert await waiting[1] is None
    assert [each["id"] for each in asking.shown()] == [other.id]
    asking.set(False)
    assert await waiting[2] is None


async def test_who_does_not_wait_any_more_leaves_nothing_behind(tmp_path: Path) -> None:
    asking = permission(tmp_path)
    waiting = asyncio.create_task(outcome(asking, wanted()))
    await anyio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert asking.shown() == []


def test_the_switches_outlive_the_sidecar_and_not_the_server(tmp_path: Path) -> None:
    permission(tmp_path, everyone=False).set(True, BOB)
    assert permission(tmp_path, everyone=False).rules.asks_of(BOB)
    (tmp_path / "mcp-proxy-run.asking").write_text("999999999\n{}")
    assert not permission(tmp_path, everyone=False).rules.asks_of(BOB)
    assert list(tmp_path.iterdir()) == []
