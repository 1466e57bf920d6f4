"""Opening and closing notebooks, and which kernel each has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..documents.metadata import kernelspec_of, of_new_kernel, said, table
from ..errors import BadValue, InvalidNotebook, KernelFailed, NotSaved, ServerError, Unknown
from ..execution.kernelspecs import check_kernelspec
from ..jupyter.paths import clean_path, hidden
from .call import Call
from .proposing import summary
from .reading import outline
from .registry import Notebook, tool

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..documents.editor import Editor
    from ..execution.kernels import KernelRef

OUTLINE_CELLS = 40


@tool("read", "Open a notebook", read_only=False, idempotent=True, hint="open or create a Jupyter notebook (.ipynb)")
async def use_notebook(
    ctx: Context[Any, Any],
    notebook: Notebook,
    create: Annotated[bool, Field(description="Make it if it is not there (needs edit)")] = False,
    kernelspec: Annotated[
        str | None, Field(description="Start this kernel if none runs, such as python3 (needs run)")
    ] = None,
) -> str:
    """Open a notebook and show its outline. Its kernel starts with the first run, or now with kernelspec."""
    call = Call.of(ctx)
    path = clean_path(notebook)
    if not path.endswith(call.settings.notebook_endings):
        raise BadValue("notebook", notebook, f"a path that ends with {' or '.join(call.settings.notebook_endings)}")
    if kernelspec is not None:
        call.require("Starting a kernel", "run")
    created, made = False, ""
    try:
        document = await call.document(path)
        document.refuse_if_gone()
    except (Unknown, InvalidNotebook) as error:
        empty = isinstance(error, InvalidNotebook)
        if not create:
            raise
        call.require("Creating a notebook", "edit")
        async with call.workspace.files.changing:
            if empty and not await call.workspace.files.is_empty(path):
                raise
            made = await _create(call, path, kernelspec)
        created = True
        document = await call.document(path)
        await document.edit(_without_first_cell)
    path = document.path
    call.workspace.users.use(call.client, path)
    kernel = await call.workspace.kernels.of_notebook(path)
    if kernel is None and kernelspec is not None:
        kernel = await start_kernel(call, document, kernelspec)
    marks, budget = call.workspace.marks.of(document), call.settings.output_budget
    text, total = await call.read(document, lambda editor: outline(editor, 0, OUTLINE_CELLS, marks, budget))
    state = f"kernel {kernel.name} ({kernel.id})" if kernel is not None else "no kernel runs yet"
    guarantee = f"{document.guarantee} ({document.promise})"
    state = f". {told_start(kernel)}" if kernel is not None and kernel.started else f", {state}."
    waits = summary(call.workspace.proposals.of(path, call.who).values())
    head = f"{made}{'Created' if created else 'Opened'} {path}: {total} cells, {guarantee}{waits}{state}"
    return f"{head}\n{text}"


async def _create(call: Call, path: str, kernelspec: str | None) -> str:
    """Make a notebook and the folders above it; what is to be told of these."""
    specs = await call.workspace.server.kernelspecs()
    if kernelspec is not None:
        await check_kernelspec(call.workspace.server, kernelspec)
    name = kernelspec or specs["default"]
    spec = kernelspec_of(name, table(specs["kernelspecs"].get(name)).get("spec"))
    # nbformat's own `new_notebook` is these four keys; to import it takes two seconds and 23 MB (jsonschema's formats).
    content = {"cells": [], "metadata": of_new_kernel({}, spec), "nbformat": 4, "nbformat_minor": 5}
    server = call.workspace.server
    server.paths.check(path)
    server.paths.check_write(path)  # before folders are made for it
    try:
        folders = await call.workspace.files.make_folders(path)
        await server.save_contents(path, {"type": "notebook", "format": "json", "content": content})
    except (ServerError, NotSaved) as error:
        if hint := hidden(path):
            raise BadValue("notebook", path, f"a path that this server shows. {hint}") from error
        raise
    return f"Made the folder {folders[-1]}. " if folders else ""


def _without_first_cell(editor: Editor) -> None:
    """A room puts an empty cell into an empty notebook; it would stay above all that is inserted."""
    if len(editor.ids()) == 1 and not editor.cell_at(0).source:
        editor.delete(0)


async def start_kernel(call: Call, document: Document, kernelspec: str | None = None) -> KernelRef:
    """The notebook's own kernel: the one that runs, or a new one of the notebook's kernelspec."""
    kernels = call.workspace.kernels
    found = await kernels.of_notebook(document.path)
    if found is not None:
        return found
    call.require("Starting a kernel", "run")
    recorded = said(await document.read(lambda editor: editor.metadata()), "kernelspec", "name") or None
    try:
        kernel = await kernels.start(document.path, kernelspec or recorded)
    except Unknown as error:
        raise KernelFailed(
            f"{document.path!r} asks for the kernel {kernelspec or recorded!r}, which this server does not have",
            f"{error} Choose one with assign_kernel_to_notebook.",
        ) from error
    await record_kernelspec(call, document, kernel.name)
    return kernel


def told_start(kernel: KernelRef) -> str:
    """What a result says of a kernel that its call has started; empty where it has not."""
    return f"Started kernel {kernel.name} ({kernel.id}) for this notebook." if kernel.started else ""


async def record_kernelspec(call: Call, document: Document, name: str) -> None:
    """Write into the notebook which kernelspec it runs with, as JupyterLab does, unless it says so already."""
    specs = (await call.workspace.server.kernelspecs())["kernelspecs"]
    spec = kernelspec_of(name, table(specs.get(name)).get("spec"))
    if await document.read(lambda editor: of_new_kernel(editor.metadata(), spec)):
        await document.edit(lambda editor: editor.set_metadata(of_new_kernel(editor.metadata(), spec)))


@tool("read", "List open notebooks")
async def list_notebooks(ctx: Context[Any, Any]) -> str:
    """List the notebooks that you have open and those with a running kernel."""
    call = Call.of(ctx)
    opened = call.workspace.users.opened_by(call.client)
    sessions = {session["path"]: session for session in await call.workspace.server.sessions() if session.get("kernel")}
    lines = []
    kept = call.workspace.runner.kept
    for path in dict.fromkeys([*opened, *sessions]):
        kernel = sessions.get(path, {}).get("kernel")
        state = f"{kernel['name']} {kernel['id']} {kept.state_of(kernel)}" if kernel else "no kernel"
        running = [e.id for e in kept.running(kernel["id"])] if kernel else []
        lines.append(
            f"{path}  {'open' if path in opened else 'not open'}, {state}"
            + (f", executions {' '.join(running)}" if running else "")
        )
    return (
        "\n".join(lines)
        or "No notebook is open and no kernel runs. list_files finds notebooks, use_notebook opens one."
    )


@tool("read", "Close a notebook")
async def unuse_notebook(ctx: Context[Any, Any], notebook: Notebook) -> str:
    """Close a notebook for you. Its kernel and its file stay."""
    call = Call.of(ctx)
    workspace = call.workspace
    path = workspace.users.names.now(clean_path(notebook))
    if not workspace.unuse(call.client, path):
        opened = workspace.users.opened_by(call.client)
        raise Unknown("open notebook", path, opened, "" if opened else "You have none open.")
    if not workspace.needed(path):
        await workspace.close(path)
    trouble = workspace.trouble(path)
    return f"Closed {path}. Its kernel, if one runs, goes on." + (f"\n[Note: {trouble}]" if trouble else "")


@tool("run", "Choose a notebook's kernel", destructive=True)
async def assign_kernel_to_notebook(
    ctx: Context[Any, Any],
    notebook: Notebook,
    kernel: Annotated[str, Field(description="Id of a running kernel, or a kernelspec to start")],
) -> str:
    """Give a notebook another kernel: a running one, or a new one of a kernelspec. See list_kernels."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    ref = await call.workspace.kernels.assign(document.path, kernel)
    await record_kernelspec(call, document, ref.name)
    return f"{document.path} now has kernel {ref.name} ({ref.id}). {told_start(ref)}".rstrip()


@tool("run", "Restart a notebook's kernel", destructive=True)
async def restart_notebook(
    ctx: Context[Any, Any],
    notebook: Notebook,
    shutdown: Annotated[bool, Field(description="End the kernel and start none")] = False,
) -> str:
    """Restart a notebook's kernel: what runs ends and all variables are gone. The cells keep their outputs."""
    call = Call.of(ctx)
    document = await call.document(notebook)
    kernel = await call.workspace.kernels.of_notebook(document.path)
    if shutdown:
        if kernel is None:
            return f"{document.path} has no kernel; nothing was done."
        await call.workspace.kernels.shut_down(kernel)
        call.workspace.restarted(call.client, document.path)  # this result says it
        return f"Shut down {kernel.name} ({kernel.id}) of {document.path}; the next run starts a new kernel."
    if kernel is None:
        kernel = await start_kernel(call, document)
        return f"{document.path} had no kernel. {told_start(kernel)}"
    await call.workspace.kernels.restart(kernel.id)
    call.workspace.restarted(call.client, document.path)  # this result says it
    return f"Restarted {kernel.name} ({kernel.id}) of {document.path}; all variables are gone. Run the cells you need."
