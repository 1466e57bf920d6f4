"""Moving, copying and deleting files, folders and notebooks, as JupyterLab's file browser does.

An open notebook goes along; agents that have it open are told. What is deleted goes where Jupyter puts it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

from mcp.server.mcpserver import Context
from pydantic import Field

from ..documents.files import size_text
from ..documents.metadata import table
from ..documents.place import ending
from ..documents.reading import read_notebook
from ..documents.whole import check_movable, check_whole
from ..errors import BadValue, InvalidNotebook, KernelBusy, NotSaved, ProxyError, ServerError, Unknown
from ..jupyter.paths import clean_path
from .call import Call
from .registry import tool

if TYPE_CHECKING:
    from ..documents.document import Document

MOST_NOTEBOOKS: Final = 50
"""Notebooks of a folder that are put into snapshots before it is deleted; with more it is not deleted as a whole."""
NOTEBOOK: Final = ".ipynb"

To = Annotated[str, Field(description="New path, or a folder")]


@tool("edit", "Move or rename a file", destructive=True)
async def move_file(ctx: Context[Any, Any], path: str, to: To) -> str:
    """Move or rename a file, notebook or folder; replaces none. An open notebook goes on, with its kernel."""
    call = Call.of(ctx)
    workspace = call.workspace
    model, path = await _found(call, path)
    folder = model["type"] == "directory"
    target = await workspace.files.free(path, to)
    if folder and f"{target}/".startswith(f"{path}/"):
        raise BadValue("to", to, f"a path outside of {path!r}, which is a folder")
    documents = workspace.below(path)
    if not folder and (path.endswith(NOTEBOOK) or documents) and ending(path) != ending(target):
        raise BadValue("to", to, f"a path that ends with {ending(path)}, as the notebook's does")
    if not folder:
        await _refuse_pairs(call, path, target)
    for document in documents:
        await document.settle()
    moved = {document: target + document.path[len(path) :] for document in documents}
    async with workspace.files.changing:
        await check_whole(workspace.server, call.settings.root_dir, path, folder=folder, to=target)
        await check_movable(call.settings.root_dir, path, target, folder=folder)
        made = _told_folders(await workspace.files.make_folders(target))
        for document, new in moved.items():
            workspace.users.names.knows(call.client, document.path, new)
        await workspace.server.rename_contents(path, target)
    for document, new in moved.items():
        await document.has_moved(new)
    await _take_along(call, path, target)
    if target.endswith(NOTEBOOK):
        call.concerns(target)
    kept = f" What is open of it goes on there: {', '.join(moved.values())}." if moved and folder else ""
    return f"{made}Moved {path} to {target}.{kept}"


async def _take_along(call: Call, path: str, target: str) -> None:
    """Have the kernels' sessions and the snapshots of notebooks go along that no agent has open."""
    workspace = call.workspace
    for session in await workspace.server.sessions():
        if f"{session['path']}/".startswith(f"{path}/"):
            with suppress(ServerError):  # JupyterLab has told it meanwhile
                await workspace.server.rename_session(session["id"], target + session["path"][len(path) :])
    for notebook in workspace.snapshots.notebooks("of.json"):
        if f"{notebook}/".startswith(f"{path}/"):
            workspace.snapshots.move(notebook, target + notebook[len(path) :])


@tool("edit", "Copy a file")
async def copy_file(ctx: Context[Any, Any], path: str, to: To) -> str:
    """Copy a file or notebook; replaces none."""
    call = Call.of(ctx)
    workspace = call.workspace
    model, path = await _found(call, path)
    if model["type"] == "directory":
        raise BadValue("path", path, "a file; this is a folder: make one by write_file or copy_file into it")
    target = await workspace.files.free(path, to)
    if path.endswith(NOTEBOOK) != target.endswith(NOTEBOOK):
        raise BadValue("to", to, f"a path that ends as {path!r} does")
    workspace.server.paths.check(target)
    workspace.server.paths.check_write(target)
    await _refuse_pairs(call, path, target)
    for document in workspace.below(path):
        await document.settle()
    async with workspace.files.changing:
        made = _told_folders(await workspace.files.make_folders(target))
        copied = await workspace.server.copy_contents(path, target)
    if target.endswith(NOTEBOOK):
        call.concerns(target)
    return f"{made}Copied {path} to {copied['path']} ({size_text(copied.get('size'))})."


@tool("edit", "Delete a file", destructive=True)
async def delete_file(ctx: Context[Any, Any], path: str) -> str:
    """Delete a file, notebook or folder, into Jupyter's trash if it has one. Of notebooks a snapshot is kept."""
    call = Call.of(ctx)
    workspace = call.workspace
    model, path = await _found(call, path)
    folder = model["type"] == "directory"
    notebooks = await check_whole(workspace.server, call.settings.root_dir, path, folder=folder)
    if len(notebooks) > MOST_NOTEBOOKS:
        raise BadValue("path", path, f"a folder with at most {MOST_NOTEBOOKS} notebooks; delete what is in it by parts")
    notebooks = list(dict.fromkeys([*notebooks, *(each.path for each in workspace.below(path))]))
    kernels = await _kernels_below(call, path)
    await _refuse_if_used(call, path, notebooks, kernels)
    kept = {notebook: await _kept(call, notebook) for notebook in notebooks}
    await workspace.server.delete_contents(path)
    for document in workspace.below(path):
        document.is_deleted(kept.get(document.path))
    parts = [f"Deleted {path}{f' ({size})' if (size := size_text(model.get('size'))) and not folder else ''}."]
    parts.append(
        "It is in the trash of the server's system, where the person finds it."
        if call.settings.trash
        else "This server has no trash: the file itself is gone for good."
    )
    parts += _told_snapshots(kept)
    parts += [await _ended(call, notebook, kernel) for notebook, kernel in kernels.items()]
    return " ".join(part for part in parts if part)


async def _refuse_pairs(call: Call, path: str, target: str) -> None:
    """Raise where jupytext would write, beside a notebook or text that is moved or copied, what agents may not."""
    if len(call.settings.notebook_endings) == 1 or not path.endswith(call.settings.notebook_endings):
        return
    from ..documents.pairing import refuse_pairs

    try:
        model = await call.workspace.server.contents(path, type="notebook")
    except ServerError:  # it is no notebook, so that nothing is paired with it
        return
    for each in (path, target):
        refuse_pairs(call.workspace.server.paths, each, table(model["content"].get("metadata")))


async def _kernels_below(call: Call, path: str) -> dict[str, dict[str, Any]]:
    """The sessions of a notebook, or of those in a folder, that have a kernel."""
    return {
        session["path"]: session
        for session in await call.workspace.server.sessions()
        if session.get("kernel") and f"{session['path']}/".startswith(f"{path}/")
    }


async def _refuse_if_used(call: Call, path: str, notebooks: list[str], kernels: dict[str, dict[str, Any]]) -> None:
    """Raise where something runs in a notebook that is to be deleted, or a person has it open."""
    workspace = call.workspace
    people: set[str] = set()
    for notebook in notebooks:
        kernel = kernels.get(notebook, {}).get("kernel") or {}
        busy = bool(kernel) and workspace.runner.kept.state_of(kernel) == "busy"
        if workspace.runner.kept.runs_in(notebook) or busy:
            raise KernelBusy(
                f"Something runs in {notebook!r}: nothing was deleted. Wait for it, or interrupt_kernel stops it."
            )
        # JupyterLab is connected to the kernel of a notebook that it has open; so are we, once.
        ours = workspace.kernels.open_channel(kernel.get("id", "")) is not None
        if int(kernel.get("connections") or 0) > ours:
            people.add("somebody")
    if await workspace.has_collaboration():
        known = {name for name, front in await workspace.focus() if front in notebooks}
        for document in await _to_look_into(call, path):
            known |= set(document.people())
        people = known or people
    if people:
        raise BadValue(
            "path",
            path,
            f"what nobody has open: {', '.join(sorted(people))} has it open in JupyterLab. Nothing was deleted; ask "
            "them to close it",
        )


async def _to_look_into(call: Call, path: str) -> list[Document]:
    """The open documents among what is to be deleted; a notebook of its own is opened, to see who is in its room."""
    if path.endswith(NOTEBOOK):
        with suppress(ProxyError):  # a file that is no notebook
            await call.workspace.document(path)
    return call.workspace.below(path)


async def _kept(call: Call, notebook: str) -> str | None:
    """Put a notebook into a snapshot; its name, None where it cannot be read as one."""
    workspace = call.workspace
    for document in workspace.below(notebook):
        with suppress(ProxyError):  # a file that cannot be written may be deleted: all of it is in the snapshot
            await document.settle()
        if (kept := await document.keep()) is not None:
            return kept
    try:
        model = await read_notebook(workspace.server, notebook, most=None)
        return (await workspace.snapshots.take(notebook, model["content"])).stem
    except (ServerError, Unknown, InvalidNotebook):
        return None
    except OSError as error:
        raise NotSaved(notebook, f"no snapshot of it could be taken ({error})") from error


def _told_snapshots(kept: dict[str, str | None]) -> list[str]:
    there = {notebook: stem for notebook, stem in kept.items() if stem}
    if not there:
        return []
    names = ", ".join(there.values() if len(kept) == 1 else (f"{stem} ({path})" for path, stem in there.items()))
    what = "What it held" if len(kept) == 1 else "What its notebooks held"
    return [
        f"{what} is in the snapshot{'' if len(there) == 1 else 's'} {names}: "
        "`jupyter mcp-proxy snapshots --restore NAME --to FILE` brings it back."
    ]


async def _ended(call: Call, notebook: str, session: dict[str, Any]) -> str:
    """End the kernel of a notebook that was deleted, as JupyterLab does, where the caller may; what is to be told."""
    from ..execution.kernels import KernelRef

    workspace, kernel = call.workspace, session["kernel"]
    others = [each for each in await workspace.server.sessions() if each["id"] != session["id"]]
    if any((each.get("kernel") or {}).get("id") == kernel["id"] for each in others):
        return ""
    if call.tier != "run":
        return f"Its kernel {kernel['id']} goes on: ending it needs the tier run."
    await workspace.kernels.shut_down(KernelRef(kernel["id"], kernel["name"], session["id"]))
    workspace.restarted(call.client, notebook)  # this result says it
    return f"Ended its kernel {kernel['name']} ({kernel['id']})."


async def _found(call: Call, path: str) -> tuple[dict[str, Any], str]:
    """The model of what a path names, and the path as it is now."""
    path = clean_path(path)
    if not path:
        raise BadValue("path", path, "a file or folder below the server's root, which itself stays where it is")
    try:
        return await call.workspace.files.find(path), path
    except Unknown:
        if (renamed := call.workspace.users.names.now(path)) == path:
            raise
        return await call.workspace.files.find(renamed), renamed


def _told_folders(made: list[str]) -> str:
    return f"Made the folder {made[-1]}. " if made else ""
