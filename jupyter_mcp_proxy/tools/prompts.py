"""What a person picks from a menu: three prompts, and completion of what prompts and resource templates ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from difflib import get_close_matches
from typing import Annotated, Any

from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import (
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    PromptReference,
)
from pydantic import Field

from ..errors import BadValue, ProxyError, Unknown
from ..jupyter.paths import clean_path
from .call import Call
from .characters import check_texts
from .resources import as_protocol_errors, reading
from .targets import SCHEME

MOST_VALUES = 100
"""What the protocol allows in one answer."""
DATA_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".xlsx", ".feather", ".h5", ".nc", ".sqlite", ".txt")

Path = Annotated[str, Field(description="Path of the notebook, from the server root")]


# -- prompts -----------------------------------------------------------------------------------------


def explain_notebook(notebook: Path) -> str:
    """Explain what a notebook does, how, and whether it would run from top to bottom."""
    return f"""\
Explain the Jupyter notebook {notebook!r} to me. Only look: change nothing and run nothing.
1. `list_cells` shows its outline; `read_cells` its sources with their outputs in brief, in parts if it is long.
2. `read_cell` on cells whose plot or table matters for what it says.
Tell me first in three sentences what it is for and what it finds. Then the steps in order, naming cells by index. \
Then what would go wrong if it ran from top to bottom in a fresh kernel: execution counts out of order, errors, \
files or variables that nothing in it makes."""


def fix_failing_cell(
    notebook: Path,
    cell: Annotated[str, Field(description="Cell id or index; the first that failed if left out")] = "",
) -> str:
    """Find out why a cell fails, fix it, and prove that it runs."""
    which = f"Cell {cell!r}" if cell else "A cell (the first that `list_cells` marks ERR)"
    return f"""\
{which} of the Jupyter notebook {notebook!r} fails. Find the cause and fix it.
1. `read_cell` shows its source, hash and traceback. If it shows no error, run it with `execute_cell` to see one.
2. Look for the cause in what it depends on: `read_cells` on the cells above. Try ideas with `execute_ipython`, \
which leaves no cell behind.
3. Change as little as possible, where the cause is: `edit_cell` with the hash that you read as `if_hash`. If it is \
refused, somebody has edited the cell: read it again.
4. Run that cell and those that depend on it with `execute_cell`. If it goes on longer than the call waits, follow \
it with `wait_execution`; do not run it again.
Do not hide the error (no bare `except`, no skipping). Tell me the cause, the change, and what the cell puts out \
now. If the cause is outside the notebook (a file, a package, a service), say so instead."""


def new_analysis(
    topic: Annotated[str, Field(description="The question to answer")],
    data: Annotated[str, Field(description="Path of the data, from the server root")] = "",
    kernel: Annotated[str, Field(description="Kernelspec of the new notebook; the server's default if left out")] = "",
) -> str:
    """Answer a question in a new notebook, step by step."""
    source = f"The data is in {data!r}." if data else "Find the data with `list_files`, or ask me for it."
    spec = f", kernelspec={kernel!r}" if kernel else ""
    return f"""\
Answer this in a new Jupyter notebook: {topic}
{source}
1. Choose a short path that is not taken (`list_files`), and make the notebook: `use_notebook` with \
create=true{spec}.
2. Begin with a Markdown cell (`insert_cell`, cell_type markdown): the question, the data, the plan.
3. Then work in small steps with `insert_execute_code_cell`: load, look at shapes, types and missing values, clean, \
analyse, plot. Look at each output before the next step; when a cell fails, correct that cell (`edit_cell`, \
`execute_cell`) rather than adding another.
4. Above each step a Markdown cell says what it is for; end with one that answers the question in numbers, with its \
limits.
5. Finish with `run_cells` (restart_first=true, outputs="brief"), look at what each cell put out, and tell me \
the answer and the notebook's path."""


PROMPTS: dict[str, tuple[str, Callable[..., str]]] = {
    "explain_notebook": ("Explain a notebook", explain_notebook),
    "fix_failing_cell": ("Fix a failing cell", fix_failing_cell),
    "new_analysis": ("Start an analysis", new_analysis),
}
"""Each prompt's title and text, by its name."""


async def get_prompt(
    server: MCPServer[Any], ctx: ServerRequestContext[Any, Any], params: GetPromptRequestParams
) -> GetPromptResult | InputRequiredResult:
    """A prompt's text; what is wrong with the request is said with our words."""
    with as_protocol_errors():
        if params.name not in PROMPTS:
            raise Unknown("prompt", params.name, get_close_matches(params.name, list(PROMPTS)) or list(PROMPTS))
        known = {prompt.name: prompt for prompt in await server.list_prompts()}
        arguments = {argument.name: bool(argument.required) for argument in known[params.name].arguments or ()}
        given = params.arguments or {}
        for name, required in arguments.items():
            if required and not given.get(name, "").strip():
                raise BadValue(name, given.get(name), f"a value: {params.name} needs it")
        for name in given:
            if name not in arguments:
                raise Unknown("argument", name, list(arguments))
            check_texts(name, given[name])
    context: Context[Any, Any] = Context(request_context=ctx, mcp_server=server)
    return await server.get_prompt(params.name, dict(given), context)


# -- completion --------------------------------------------------------------------------------------


async def complete(
    server: MCPServer[Any], ctx: ServerRequestContext[Any, Any], params: CompleteRequestParams
) -> CompleteResult:
    """What an argument may be, given what is typed of it and the arguments before it."""
    with as_protocol_errors():
        if isinstance(params.ref, PromptReference):
            if params.ref.name not in PROMPTS:
                raise Unknown("prompt", params.ref.name, list(PROMPTS))
        elif not params.ref.uri.startswith(SCHEME):
            raise Unknown("resource template", params.ref.uri)
        check_texts(params.argument.name, params.argument.value)
        call = await reading(server, ctx)
    completer = COMPLETERS.get(params.argument.name)
    if completer is None:
        return CompleteResult(completion=Completion(values=[], total=0, has_more=False))
    before = (params.context.arguments if params.context else None) or {}
    try:
        values = list(dict.fromkeys(await completer(call, params.argument.value, before)))
    except ProxyError:  # nothing fits what is typed, such as a folder that is not there
        values = []
    return CompleteResult(
        completion=Completion(values=values[:MOST_VALUES], total=len(values), has_more=len(values) > MOST_VALUES)
    )


async def _notebooks(call: Call, typed: str, before: dict[str, str]) -> list[str]:
    """Those that are open first, then the notebooks and folders of the folder that is typed."""
    opened = [path for path in call.workspace.users.opened_by(call.client) if typed.lower() in path.lower()]
    return opened + await _paths(call, typed, (".ipynb",))


async def _data(call: Call, typed: str, before: dict[str, str]) -> list[str]:
    return await _paths(call, typed, DATA_SUFFIXES)


async def _paths(call: Call, typed: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files with these suffixes, and the folders, that begin with what is typed."""
    folder, _, begun = typed.replace("\\", "/").rpartition("/")
    model = await call.workspace.server.contents(clean_path(folder))
    if model["type"] != "directory":
        return []
    found = [
        (item["type"] == "directory", item["path"])
        for item in model.get("content") or ()
        if item["name"].lower().startswith(begun.lower())
        and (item["type"] == "directory" or item["name"].lower().endswith(suffixes))
    ]
    return [f"{path}/" if is_folder else path for is_folder, path in sorted(found)]


async def _cells(call: Call, typed: str, before: dict[str, str]) -> list[str]:
    """The ids of a notebook's cells, those that failed first."""
    document = await _document(call, before)
    marked = await document.read(
        lambda editor: [(editor.has_outputs(index) != "error", index, id) for index, id in enumerate(editor.ids())]
    )
    return [id for _, _, id in sorted(marked) if id.startswith(typed)]


async def _outputs(call: Call, typed: str, before: dict[str, str]) -> list[str]:
    cell = before.get("id") or before.get("cell")
    if not cell:
        return []
    found = await (await _document(call, before)).read(lambda editor: editor.cell(cell))
    return [str(number) for number in range(len(found.outputs)) if str(number).startswith(typed)]


async def _document(call: Call, before: dict[str, str]) -> Any:
    path = call.workspace.users.named(call.client, before.get("path") or before.get("notebook"))
    return await call.workspace.document(path)


async def _kernelspecs(call: Call, typed: str, before: dict[str, str]) -> Iterable[str]:
    """The kernelspecs, the default first."""
    specs = await call.workspace.server.kernelspecs()
    names = sorted(specs["kernelspecs"], key=lambda name: (name != specs["default"], name))
    return [name for name in names if name.lower().startswith(typed.lower())]


COMPLETERS: dict[str, Callable[[Call, str, dict[str, str]], Awaitable[Iterable[str]]]] = {
    "path": _notebooks,
    "notebook": _notebooks,
    "id": _cells,
    "cell": _cells,
    "i": _outputs,
    "data": _data,
    "kernel": _kernelspecs,
}
"""How each argument is completed, by its name."""


def register(server: MCPServer[Any]) -> None:
    """Let a server serve the prompts and complete arguments."""
    for name, (title, text) in PROMPTS.items():
        server.prompt(name=name, title=title)(text)
    handlers = server._lowlevel_server  # the SDK's decorator for completions hands out no context

    async def on_get(
        ctx: ServerRequestContext[Any, Any], params: GetPromptRequestParams
    ) -> GetPromptResult | InputRequiredResult:
        return await get_prompt(server, ctx, params)

    async def on_complete(ctx: ServerRequestContext[Any, Any], params: CompleteRequestParams) -> CompleteResult:
        return await complete(server, ctx, params)

    handlers.add_request_handler("prompts/get", GetPromptRequestParams, on_get)
    handlers.add_request_handler("completion/complete", CompleteRequestParams, on_complete)
