"""Looking into a notebook's kernel: variables, objects, completions. Starts no kernel and leaves no trace in one.

Objects and completions are asked for with the protocol's own requests, in any language. Variables have none,
so they are listed by code of ours, which is always the same: `summarize` below in Python, `R_SUMMARY` in R.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import KernelBusy, KernelFailed, ServerError, Unknown
from ..jupyter.kernel import KernelChannel
from ..jupyter.messages import Message
from ..outputs.text import output_text
from .kernels import KernelRef

if TYPE_CHECKING:
    from ..workspace import Workspace
    from .executions import Execution

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE = 6.0
"""Seconds that a question may wait for a kernel that is busy."""
MOST_NAMED = 3


@dataclass(frozen=True)
class Variable:
    """A variable as a reader is told of it. `about` is its value or its size; empty where that is not safe to ask."""

    name: str
    type: str
    about: str


@dataclass(frozen=True)
class Completions:
    """What may stand in place of the characters from `start` to `end`, each with its kind where the kernel says it."""

    start: int
    end: int
    matches: list[tuple[str, str]]


class Inspector:
    """Asks the kernel that a notebook has."""

    def __init__(self, workspace: Workspace, path: str, kernel: KernelRef) -> None:
        self._workspace = workspace
        self.path = path
        self.kernel = kernel

    @classmethod
    async def of(cls, workspace: Workspace, path: str) -> Inspector:
        """The inspector of a notebook's kernel. Raises KernelFailed where it has none."""
        kernel = await workspace.kernels.of_notebook(path)
        if kernel is None:
            raise KernelFailed(
                f"{path!r} has no kernel, so there is nothing to look into",
                "looking never starts one. Running a cell does: execute_cell, or execute_ipython without a cell.",
            )
        return cls(workspace, path, kernel)

    async def variables(self) -> list[Variable]:
        """The user's variables, in the kernel's order. Raises KernelFailed for a language that we have no code for."""
        language = await self.language()
        if language == "python":
            return python_variables(await self._ask(_request("execute_request", PYTHON_REQUEST)))
        if language == "r":
            return r_variables(await self._ask(_displayed))
        raise KernelFailed(
            f"Variables cannot be listed in {language or self.kernel.name}, only in Python and R",
            "a retry will not help. inspect_object looks at one name, execute_ipython runs code that lists them.",
        )

    async def inspect(self, code: str, detail: int) -> str:
        """What the kernel tells of the name at the end of `code`, as text. Raises Unknown where it knows none."""
        content = {"code": code, "cursor_pos": len(code), "detail_level": detail}
        reply = await self._ask(_request("inspect_request", content))
        if reply.get("status") != "ok":
            raise _refused(reply)
        data = reply.get("data") or {}
        if not reply.get("found") or not data:
            raise Unknown(
                "object",
                code,
                hint=f"Kernel {self.kernel.name} knows no such name, or cannot inspect. "
                "complete_code shows names that begin alike.",
            )
        return output_text({"output_type": "display_data", "data": data}).strip("\n")

    async def complete(self, code: str, cursor: int) -> Completions:
        """What the kernel would put at `cursor` in `code`."""
        reply = await self._ask(_request("complete_request", {"code": code, "cursor_pos": cursor}))
        if reply.get("status") != "ok":
            raise _refused(reply)
        return completions(reply, cursor)

    async def language(self) -> str:
        """The kernel's language in lower case, as its kernelspec or else the kernel itself names it."""
        specs = (await self._workspace.server.kernelspecs())["kernelspecs"]
        named = specs.get(self.kernel.name, {}).get("spec", {}).get("language", "")
        if not named:
            info = await self._ask(_request("kernel_info_request", {}))
            named = info.get("language_info", {}).get("name", "")
        return str(named).lower()

    async def _ask(self, question: Callable[[KernelChannel], Awaitable[T]]) -> T:
        """An answer of the kernel. Raises KernelBusy where something else keeps it from answering in time.

        What we know to run is waited for before anything is sent, so that questions do not pile up in the kernel.
        """
        running = self._workspace.runner.running
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while executions := running(self.kernel.id):
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(executions[0].finished.wait(), left)
            except asyncio.TimeoutError:
                raise busy(self.path, running(self.kernel.id)) from None
        channel = await self._workspace.kernels.channel(self.kernel.id)
        try:
            return await question(channel)
        except KernelFailed as error:
            if channel.closed.is_set():
                raise
            raise await self._why_silent() from error

    async def _why_silent(self) -> Exception:
        executions = self._workspace.runner.running(self.kernel.id)
        try:
            state = str((await self._workspace.server.kernel(self.kernel.id)).get("execution_state"))
        except ServerError as error:
            return KernelFailed(f"The kernel of {self.path!r} did not answer within {PATIENCE:g} s", error.message)
        if executions or state == "busy":
            return busy(self.path, executions)
        what = f"The kernel of {self.path!r} did not answer within {PATIENCE:g} s"
        if state == "idle":
            return KernelFailed(f"{what}, though it is idle", "it may not support this question; retry once at most.")
        return KernelFailed(f"{what}: it is {state}", "retry in a few seconds; list_kernels tells how it stands.")


def busy(path: str, executions: list[Execution]) -> KernelBusy:
    """The error for a kernel that cannot answer now, naming what runs."""
    head = f"The kernel of {path!r} is busy and answers no question before that ends ({PATIENCE:g} s were waited)"
    if not executions:
        return KernelBusy(
            f"{head}: it runs something that was not started here, such as a person's cell. Retry once list_kernels "
            "shows it idle."
        )
    named = ", ".join(
        e.id + (f" (cell {e.cell_id})" if e.cell_id else "") + f" {e.state.value}" for e in executions[:MOST_NAMED]
    )
    more = f" and {len(executions) - MOST_NAMED} more" if len(executions) > MOST_NAMED else ""
    return KernelBusy(
        f"{head}: {named}{more}. Retry after it has ended; wait_execution(execution={executions[-1].id!r}) tells when."
    )


def _request(kind: str, content: Json) -> Callable[[KernelChannel], Awaitable[Json]]:
    async def ask(channel: KernelChannel) -> Json:
        return (await channel.request("shell", kind, content, PATIENCE)).content

    return ask


async def _displayed(channel: KernelChannel) -> str:
    """What `R_SUMMARY` displays. IRkernel evaluates no user_expressions; a display reaches only us, who know its id."""
    shown: list[str] = []
    replied, idle = asyncio.Event(), asyncio.Event()

    def take(message: Message) -> None:
        if message.channel == "shell":
            replied.set()
        elif message.type == "display_data":
            shown.append(str(message.content.get("data", {}).get("text/plain", "")))
        elif message.type == "status" and message.content.get("execution_state") == "idle":
            idle.set()

    request = channel.new_request("shell", "execute_request", _silent(R_SUMMARY))
    await channel.send(request, take)
    try:
        await asyncio.wait_for(asyncio.gather(replied.wait(), idle.wait()), PATIENCE)
    except asyncio.TimeoutError:
        raise KernelFailed(f"The kernel did not answer within {PATIENCE:g} s", "it may be busy") from None
    finally:
        channel.forget(str(request.header["msg_id"]))
    if not shown:
        raise KernelFailed("The R kernel did not list its variables", "it has no IRdisplay, or was interrupted.")
    return "".join(shown)


def _refused(reply: Json) -> KernelFailed:
    reason = f"{reply.get('ename', reply.get('status'))}: {reply.get('evalue', '')}".rstrip(": ")
    return KernelFailed("The kernel could not answer", f"{reason}. A retry will hardly help.")


def completions(reply: Json, cursor: int) -> Completions:
    """A `complete_reply` as what it offers, in the kernel's order, without repetitions."""
    kinds: dict[str, str] = {}
    for entry in (reply.get("metadata") or {}).get("_jupyter_types_experimental") or []:
        facts = [str(entry.get(key) or "") for key in ("type", "signature")]
        kinds.setdefault(str(entry.get("text", "")), " ".join(fact for fact in facts if fact not in ("", "<unknown>")))
    matches = list(dict.fromkeys(map(str, reply.get("matches") or [])))
    start, end = (int(reply.get(key, cursor)) for key in ("cursor_start", "cursor_end"))
    return Completions(start, end, [(match, printable(kinds.get(match, ""))) for match in matches])


def printable(text: str) -> str:
    """A text as one line that can be shown and sent."""
    return "".join(c if c.isprintable() else " " for c in text)


# -- Python ---------------------------------------------------------------------------------------------


def summarize(namespace: Any) -> str:
    """JSON of `[name, type, about]` for each variable. Its source is what runs in Python kernels.

    It imports what it needs and calls nothing that a user's class defines: a repr, a length or even a comparison
    of two classes may be somebody's code. So types are told apart by identity, and values are shown of builtin
    types and of the well-known ones of numpy, pandas and polars only.
    """
    import json
    import sys
    import types
    from itertools import islice

    name_of = type.__dict__["__name__"].__get__
    module_of = type.__dict__["__module__"].__get__
    bases_of = type.__dict__["__mro__"].__get__
    own = ("In", "Out", "exit", "quit", "get_ipython", "open")
    hidden = {id(types.ModuleType), id(types.FunctionType), id(types.BuiltinFunctionType), id(types.MethodType)}
    plain = {id(float), id(complex), id(bool), id(type(None)), id(type(...)), id(range)}
    sized = {id(list): "items", id(tuple): "items", id(set): "items", id(frozenset): "items", id(dict): "keys"}
    most, most_columns, first, longest = 5000, 8, 5, 60

    def known(module: str, *names: str) -> set[int]:
        found = sys.modules.get(module)
        content = found.__dict__ if type(found) is types.ModuleType else {}
        return {id(content[name]) for name in names if name in content}

    arrays = known("numpy", "ndarray")
    scalars = known("numpy", "number", "bool_", "datetime64", "timedelta64", "str_")
    frames, columns = known("pandas", "DataFrame"), known("pandas", "Series")
    polar_frames, polar_columns = known("polars", "DataFrame"), known("polars", "Series")

    def short(text: str) -> str:
        return text if len(text) <= longest else text[: longest - 1] + "…"

    def value_of(value: Any) -> str:
        kind = id(type(value))
        if kind == id(str):
            return repr(value) if len(value) <= longest else f"{value[:longest]!r}… ({len(value)} characters)"
        if kind == id(int):
            return repr(value) if value.bit_length() <= 200 else f"of {value.bit_length()} bits"
        if kind in (id(bytes), id(bytearray)):
            return f"{len(value)} bytes"
        return short(repr(value)) if kind in plain else ""

    def label(value: Any) -> str:
        return short(value) if type(value) is str else value_of(value) or name_of(type(value))

    def dtype_of(dtype: Any) -> str:
        module = module_of(type(dtype))
        trusted = type(module) is str and module.split(".")[0] in ("numpy", "pandas")
        return short(str(dtype)) if trusted else name_of(type(dtype))

    def table(rows: int, width: int, names: Any, dtypes: list[str]) -> str:
        shown = ", ".join(f"{label(name)} {dtype}" for name, dtype in zip(names, dtypes))  # noqa: B905
        return f"{rows} × {width}" + (f": {shown}" if shown else "") + (", …" if width > most_columns else "")

    def about(value: Any, kind: int, bases: set[int]) -> str:
        if kind in sized:
            shown = ", ".join(value_of(item) or name_of(type(item)) for item in islice(value, first))
            return f"{len(value)} {sized[kind]}" + (f": {shown}" if shown else "") + ", …" * (len(value) > first)
        if kind in arrays:
            return f"shape {value.shape}, {short(str(value.dtype))}"
        if kind in frames:
            dtypes = [dtype_of(dtype) for dtype in value.dtypes.iloc[:most_columns]]
            return table(value.shape[0], value.shape[1], value.columns[:most_columns], dtypes)
        if kind in columns:
            return f"{value.shape[0]} values, {dtype_of(value.dtype)}, name {label(value.name)}"
        if kind in polar_frames:
            dtypes = [short(str(dtype)) for dtype in value.dtypes[:most_columns]]
            return table(value.height, value.width, value.columns, dtypes)
        if kind in polar_columns:
            return f"{value.len()} values, {short(str(value.dtype))}, name {label(value.name)}"
        if not scalars.isdisjoint(bases):
            return short(str(value)) if module_of(type(value)) == "numpy" else ""
        return value_of(value)

    rows: list[list[str]] = []
    for name, value in list(namespace.items()):
        if type(name) is not str or not name.isidentifier() or name.startswith("_") or name in own:
            continue
        kind = type(value)
        bases = {id(base) for base in bases_of(kind)}
        if not hidden.isdisjoint(bases):
            continue
        module = module_of(kind)
        root = module.split(".")[0] if type(module) is str else ""
        told = name_of(kind) if root in ("", "builtins", "__main__") else root + "." + name_of(kind)
        try:
            rows.append([name, told, about(value, id(kind), bases)])
        except Exception:
            rows.append([name, told, ""])
        if len(rows) >= most:
            break
    return json.dumps(rows)


def _silent(code: str, expressions: dict[str, str] | None = None) -> Json:
    return {
        "code": code,
        "silent": True,
        "store_history": False,
        "user_expressions": expressions or {},
        "allow_stdin": False,
        "stop_on_error": False,
    }


_SOURCE = "from __future__ import annotations\n" + inspect.getsource(summarize)
PYTHON_EXPRESSION = (
    f"(lambda builtins, scope: (builtins.exec({_SOURCE!r}, scope), scope['summarize'](builtins.globals()))[1])"
    "(__import__('builtins'), {'__name__': 'jupyter_mcp_proxy'})"
)
"""Runs in a namespace of its own, whatever names the user has taken, and leaves nothing in theirs."""
PYTHON_REQUEST = _silent("", {"variables": PYTHON_EXPRESSION})


def python_variables(reply: Json) -> list[Variable]:
    """The variables in the reply to `PYTHON_REQUEST`."""
    if reply.get("status") == "aborted":
        raise KernelBusy("The kernel emptied its queue because a cell before this question failed. Retry now.")
    answer = (reply.get("user_expressions") or {}).get("variables") or {}
    if answer.get("status") == "error":
        raise _refused(answer)
    try:
        rows = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        raise KernelFailed(
            "The kernel did not list its variables", "it evaluates no user_expressions; inspect_object may work."
        ) from error
    return [Variable(*(printable(str(field)) for field in row)) for row in rows]


# -- R --------------------------------------------------------------------------------------------------

R_SUMMARY = r"""
base::invisible(base::tryCatch(IRdisplay::publish_mimebundle(base::list("text/plain" = base::eval(base::quote({
  short <- function(text) if (nchar(text) > 80L) paste0(substr(text, 1L, 79L), "...") else text
  shown <- function(x) {
    x <- x[seq_len(min(5L, length(x)))]
    if (!is.character(x)) return(as.character(x))
    paste0(encodeString(substr(x, 1L, 60L), quote = "\""), c("", "...")[1L + (!is.na(x) & nchar(x) > 60L)])
  }
  some <- function(words, count) short(paste0(paste(words, collapse = ", "), if (count > length(words)) ", ..."))
  about <- function(x) {
    if (is.environment(x) || isS4(x)) return("")
    if (inherits(x, "data.frame")) {
      columns <- attr(x, "names")
      first <- seq_len(min(8L, length(columns)))
      kinds <- vapply(unclass(x)[first], function(column) class(column)[1L], "")
      told <- paste(columns[first], kinds)
      return(paste0(.row_names_info(x, 2L), " x ", length(columns), ": ", some(told, length(columns))))
    }
    size <- attr(x, "dim")
    if (!is.null(size)) return(paste(paste(size, collapse = " x "), typeof(x)))
    if (inherits(x, "factor")) return(paste(length(unclass(x)), "values,", length(attr(x, "levels")), "levels"))
    if (is.object(x)) return(if (is.atomic(x)) paste(length(unclass(x)), "values") else "")
    if (is.atomic(x) && !is.null(x)) {
      values <- some(shown(x), length(x))
      return(if (length(x) == 1L) values else paste0(length(x), " values: ", values))
    }
    if (is.list(x)) {
      names <- attr(x, "names")
      names <- if (is.null(names)) "" else some(names[seq_len(min(5L, length(names)))], length(names))
      return(paste0(length(x), " items", if (nzchar(names)) paste0(": ", names)))
    }
    ""
  }
  lines <- character(0)
  all <- ls(globalenv(), sorted = TRUE)
  for (name in all[seq_len(min(5000L, length(all)))]) {
    told <- if (bindingIsActive(as.name(name), globalenv())) {
      c("active binding", "")
    } else {
      x <- tryCatch(get(name, envir = globalenv(), inherits = FALSE), error = function(e) NULL)
      if (is.function(x)) next
      c(class(x)[1L], tryCatch(about(x), error = function(e) ""))
    }
    lines <- c(lines, paste(gsub("[[:cntrl:]]", " ", c(name, told)), collapse = "\t"))
  }
  paste0(paste(lines, collapse = "\n"), "\n")
}), base::new.env(parent = base::baseenv())))), error = function(e) NULL))
"""
"""Asks no generic function that a class may have a method for. A failure in it must not become an error of the cell:
IRkernel empties its queue after one."""


def r_variables(told: str) -> list[Variable]:
    """The variables in what `R_SUMMARY` displays: a line each, its fields parted by tabs."""
    rows = [line.split("\t") for line in told.split("\n") if line.count("\t") == 2]
    return [Variable(*map(printable, row)) for row in rows]
