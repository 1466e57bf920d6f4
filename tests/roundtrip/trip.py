"""One notebook's way: opened, read, edited in every manner, all undone; then its file beside Jupyter's own."""

from __future__ import annotations

from pathlib import PurePosixPath

import anyio
from harness import Agent, JupyterProcess, text

from roundtrip.outcome import DIFFERS, EQUAL, REFUSED, UNSAVED, Outcome, same, shown
from roundtrip.plan import MARK, edits
from roundtrip.reference import CannotOpen, CannotSave, opened, saved, saved_by_room, until_file

QUICK_SAVE = "--YDocExtension.document_save_delay=0.2"
"""The argument of a server that writes a shared document soon after it has changed."""


async def trip(server: JupyterProcess, agent: Agent, path: str, written: bytes) -> Outcome:
    """Put a file there twice, once for the agent and once for Jupyter alone, and compare."""
    theirs = str(PurePosixPath(path).with_name(f"as-{PurePosixPath(path).name}"))
    for name in (path, theirs):
        (server.root / name).parent.mkdir(parents=True, exist_ok=True)
        (server.root / name).write_bytes(written)
    try:
        cells = opened(server, theirs)["cells"]
    except (CannotOpen, KeyError) as error:
        return await _refused(server, agent, path, written, str(error))
    try:
        reference = await anyio.to_thread.run_sync(saved, server, theirs) if server.guarantee == "file" else b""
        reference = reference or await saved_by_room(server, theirs)
    except CannotSave as error:
        reference, cannot = b"", str(error)
    except Exception as error:  # whatever the room's end is in pycrdt or the websocket
        reference, cannot = b"", f"no room: {type(error).__name__}"
    told = await agent.call("use_notebook", notebook=path)
    if told.is_error:
        kind = DIFFERS if reference else UNSAVED
        return Outcome(kind, f"not opened: {text(told)}") if _untouched(server, path, written) else _touched()
    made, refusals = await _edit(agent, path, cells)
    if not reference:
        return Outcome(UNSAVED, f"{cannot} / {refusals[:1]}", made, refusals)
    if not made:
        return Outcome(DIFFERS, f"nothing could be edited: {refusals[:2]}", made, refusals)
    try:
        await until_file(server, path, lambda now: MARK.encode() in now)
        answer = await agent.call("undo_changes", notebook=path, since=1)
        if answer.is_error:
            return Outcome(DIFFERS, f"not undone: {text(answer)}", made, refusals)
        try:
            await until_file(server, path, lambda now: same(now, reference, written), 15)
        except TimeoutError:
            return Outcome(DIFFERS, shown((server.root / path).read_bytes(), reference), made, refusals)
    except TimeoutError:
        return Outcome(DIFFERS, "what was inserted is not written", made, refusals)
    finally:
        await agent.call("unuse_notebook", notebook=path)
    return Outcome(EQUAL, "", made, refusals)


async def _refused(server: JupyterProcess, agent: Agent, path: str, written: bytes, why: str) -> Outcome:
    told = await agent.call("use_notebook", notebook=path)
    if not told.is_error:
        return Outcome(DIFFERS, f"opened, where Jupyter says {why}")
    return Outcome(REFUSED, text(told)) if _untouched(server, path, written) else _touched()


def _untouched(server: JupyterProcess, path: str, written: bytes) -> bool:
    return (server.root / path).read_bytes() == written


def _touched() -> Outcome:
    return Outcome(DIFFERS, "refused, and changed all the same")


async def _edit(agent: Agent, path: str, cells: list[dict[str, object]]) -> tuple[int, tuple[str, ...]]:
    await agent.ok("list_cells", notebook=path)
    for place in range(min(len(cells), 2)):
        await agent.ok("read_cell", notebook=path, cell=place, images="none")
    made, refusals = 0, []
    for tool, arguments in edits(cells):
        answer = await agent.call(tool, notebook=path, **arguments)
        if answer.is_error:
            refusals.append(f"{tool}: {text(answer)}")
        elif "othing" not in text(answer).split("\n", 1)[0]:
            made += 1
    return made, tuple(refusals)
