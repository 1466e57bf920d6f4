"""Looking into kernels: nothing is started, nothing is left behind, and nobody's code runs but ours."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from harness import Agent, JupyterProcess, as_client, connect, post, text

from jupyter_mcp_proxy.execution.inspection.answers import completions, r_variables
from jupyter_mcp_proxy.execution.inspection.code import PYTHON_EXPRESSION
from jupyter_mcp_proxy.jupyter.kernel import WebSocketChannel
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def bash(server: JupyterProcess) -> str:
    """The name of a bash kernel's spec on the server."""
    spec = {
        "argv": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"],
        "display_name": "Bash",
        "language": "bash",
        "env": {"PS1": "$"},
    }
    folder = server.data / "kernels" / "bash"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    return "bash"


NO_R = shutil.which("Rscript") is None or subprocess.run(["Rscript", "-e", "loadNamespace('IRkernel')"]).returncode != 0


@pytest.fixture
def r(server: JupyterProcess) -> str:
    """The name of an R kernel's spec on the server."""
    spec = {
        "argv": ["R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"],
        "display_name": "R of this test",
        "language": "R",
    }
    folder = server.data / "kernels" / "r-of-this-test"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    return folder.name


def kernels(server: JupyterProcess) -> list[dict[str, Any]]:
    return json.loads(server.get("api/kernels")[1])


def kernel_of(server: JupyterProcess, notebook: str) -> str:
    sessions = json.loads(server.get("api/sessions")[1])
    return next(session["kernel"]["id"] for session in sessions if session["path"] == notebook)


@asynccontextmanager
async def person(server: JupyterProcess, notebook: str) -> AsyncIterator[WebSocketChannel]:
    """Somebody else at the same kernel, past this package's sidecar."""
    async with (
        JupyterServer(server.url, server.token) as client,
        WebSocketChannel(client, kernel_of(server, notebook), "person") as channel,
    ):
        yield channel


def told_of(namespace: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What is told of the variables when the code runs as it runs in a kernel."""
    return {name: (kind, about) for name, kind, about in json.loads(eval(PYTHON_EXPRESSION, namespace))}


R_VARIABLES = """
long <- strrep("x", 100); text <- c("a\\tb", NA); number <- 1.5; many <- 1:9; nothing <- NULL
frame <- data.frame(a = 1:3, b = c("x", "y", "z")); grid <- matrix(0, 2, 3); parts <- list(one = 1, two = "b")
sorts <- factor(c("m", "n", "m")); day <- as.Date("2026-01-02"); place <- new.env()
makeActiveBinding("watched", function() stop("somebody's code ran"), globalenv())
hostile <- structure(list(1), class = "hostile")
length.hostile <- format.hostile <- as.character.hostile <- print.hostile <- function(x, ...) stop("a method ran")
paste <- nchar <- class <- function(...) stop("a name that the user has taken was met")
"""


@pytest.mark.skipif(NO_R, reason="R with IRkernel is not installed")
async def test_what_is_in_an_r_kernel_is_listed(server: JupyterProcess, name: str, r: str) -> None:
    """By values and sizes, without running a method or an active binding, and whatever names the user has taken."""
    server.write_notebook(name, R_VARIABLES, kernelspec={"name": r, "display_name": "R", "language": "R"})
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        before = await agent.ok("execute_ipython", notebook=name, code="ls(all.names = TRUE)")
        told = await agent.ok("list_variables", notebook=name)
        assert told.splitlines()[1:] == [
            "day  Date  1 values",
            "frame  data.frame  3 x 2: a integer, b character",
            "grid  matrix  2 x 3 double",
            "hostile  hostile",
            f'long  character  "{"x" * 60}"...',
            "many  integer  9 values: 1, 2, 3, 4, 5, ...",
            "nothing  NULL",
            "number  numeric  1.5",
            "parts  list  2 items: one, two",
            "place  environment",
            "sorts  factor  3 values, 2 levels",
            'text  character  2 values: "a\\tb", NA',
            "watched  active binding",
        ]
        after = await agent.ok("execute_ipython", notebook=name, code="ls(all.names = TRUE)")
        assert after.splitlines()[1:] == before.splitlines()[1:]


# -- the code that runs in Python kernels -------------------------------------------------------------


def test_values_of_builtin_types_are_told() -> None:
    assert told_of({
        "a": 5, "b": 1.5, "c": "text", "d": None, "e": True, "f": [1, "x", [2]], "g": {"k": 1, 2: 3}, "h": b"abc",
        "i": (), "j": set(range(9)), "k": "x" * 100, "l": 10**100, "m": range(3), "n": float("nan"),
    }) == {
        "a": ("int", "5"), "b": ("float", "1.5"), "c": ("str", "'text'"), "d": ("NoneType", "None"),
        "e": ("bool", "True"), "f": ("list", "3 items: 1, 'x', list"), "g": ("dict", "2 keys: 'k', 2"),
        "h": ("bytes", "3 bytes"), "i": ("tuple", "0 items"), "j": ("set", "9 items: 0, 1, 2, 3, 4, …"),
        "k": ("str", f"{'x' * 60!r}… (100 characters)"), "l": ("int", "of 333 bits"), "m": ("range", "range(0, 3)"),
        "n": ("float", "nan"),
    }  # fmt: skip


def test_what_is_not_the_users_data_is_hidden() -> None:
    namespace = {"_x": 1, "In": [], "Out": {}, "exit": 1, "json": json, "f": lambda: 1, "print": print, "m": [].append}
    assert told_of({**namespace, "own": 1, "not a name": 2}) == {"own": ("int", "1")}


def test_no_code_of_an_object_or_its_class_is_run() -> None:
    ran: list[str] = []

    class Meta(type):
        def __eq__(self, other: object) -> bool:
            ran.append("metaclass eq")
            return True

        def __hash__(self) -> int:
            ran.append("metaclass hash")
            return 1

        def __instancecheck__(self, other: object) -> bool:
            ran.append("instancecheck")
            return True

        def __getattribute__(self, name: str) -> Any:
            ran.append(f"metaclass {name}")
            return super().__getattribute__(name)

        @property
        def __name__(self) -> str:  # type: ignore[override]
            ran.append("name")
            return "?"

    class Hostile(metaclass=Meta):
        def _run(self, *_: object) -> Any:
            ran.append("method")
            raise SystemExit

        __repr__ = __str__ = __len__ = __iter__ = __eq__ = __hash__ = __bool__ = _run  # type: ignore[assignment]
        __format__ = __index__ = __dir__ = _run  # type: ignore[assignment]
        __class__ = property(_run)  # type: ignore[assignment]
        shape = dtype = columns = property(_run)

        def __getattribute__(self, name: str) -> Any:
            ran.append(f"attribute {name}")
            raise SystemExit

    class Text(str):
        __repr__ = __str__ = __len__ = Hostile.__dict__["_run"]

    class Number(int):
        __repr__ = __str__ = __index__ = Hostile.__dict__["_run"]

    def generator() -> Any:
        ran.append("generator")
        yield 1

    hostile = Hostile()
    namespace = {"a": hostile, "b": [hostile], "c": Text("x"), "d": Number(1), "e": generator(), "f": Hostile}
    ran.clear()
    told = told_of(namespace)
    assert ran == []
    assert told["b"] == ("list", "1 items: Hostile")
    assert told["c"][1] == told["d"][1] == told["e"][1] == told["a"][1] == ""
    assert told["e"][0] == "generator"


def test_names_that_the_user_has_taken_do_not_matter_and_no_trace_is_left() -> None:
    taken = dict.fromkeys(
        [
            "list",
            "type",
            "str",
            "repr",
            "len",
            "id",
            "json",
            "sys",
            "exec",
            "globals",
            "builtins",
            "scope",
            "summarize",
        ],
        0,
    )
    namespace: dict[str, Any] = {"__builtins__": __builtins__, **taken}
    before = dict(namespace)
    assert set(told_of(namespace)) == set(taken)
    assert namespace == before


def test_arrays_are_told_by_shape_and_type() -> None:
    import numpy

    told = told_of({"a": numpy.zeros((2, 3)), "b": numpy.float64(1.5), "c": numpy.array([object()])})
    assert told == {
        "a": ("numpy.ndarray", "shape (2, 3), float64"),
        "b": ("numpy.float64", "1.5"),
        "c": ("numpy.ndarray", "shape (1,), object"),
    }


def test_data_frames_are_told_by_shape_and_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"], 3: [1.0, 2.0]})
    told = told_of({"df": frame, "s": frame["a"], "wide": pandas.DataFrame([range(20)])})
    assert told["df"][0] == "pandas.DataFrame"
    assert told["df"][1].startswith("2 × 3: a int64, b ")
    assert told["df"][1].endswith(", 3 float64")
    assert told["s"] == ("pandas.Series", "2 values, int64, name a")
    assert told["wide"][1].endswith("7 int64, …")


def test_polars_frames_are_told_by_shape_and_columns() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    told = told_of({"df": frame, "s": frame["a"]})
    assert told["df"] == ("polars.DataFrame", "2 × 2: a Int64, b String")
    assert told["s"] == ("polars.Series", "2 values, Int64, name a")


def test_many_variables_are_told_quickly() -> None:
    started = time.process_time()
    assert len(told_of({f"x{i}": [i] * 100 for i in range(20_000)})) == 5000
    assert time.process_time() - started < 2


def test_what_r_displays_is_read() -> None:
    found = r_variables("df\tdata.frame\t3 x 2: a integer, b character\nx\tnumeric\t1.5\nbad line\nn\tNULL\t\n")
    assert [(v.name, v.type, v.about) for v in found] == [
        ("df", "data.frame", "3 x 2: a integer, b character"),
        ("x", "numeric", "1.5"),
        ("n", "NULL", ""),
    ]


def test_completions_have_their_kinds_where_the_kernel_says_them() -> None:
    reply = {
        "status": "ok", "matches": ["append", "append", "real"], "cursor_start": 2, "cursor_end": 4,
        "metadata": {"_jupyter_types_experimental": [{"text": "append", "type": "function", "signature": "(x)"},
                                                     {"text": "real", "type": "<unknown>"}]},
    }  # fmt: skip
    found = completions(reply, 4)
    assert (found.start, found.end) == (2, 4)
    assert found.matches == [("append", "function (x)"), ("real", "")]
    assert completions({"status": "ok"}, 3).matches == []


# -- on ipykernel -------------------------------------------------------------------------------------

DATA = """\
import numpy as np
count = 3
name = 'Ada'
_hidden = 1
values = [1, 2, 3]
table = np.zeros((4, 2))
class Thing:
    "A thing with a name."
    def __repr__(self):
        return "my own code ran"
    def rename(self, new: str) -> None:
        "Give it a new name."
thing = Thing()
def helper(): pass
helper.__doc__ = 'word ' * 4000
"""


async def completed(agent: Agent, **arguments: Any) -> str:
    """What `complete_code` says, asked again as it tells to: jedi's first completion in a kernel takes its time."""
    with anyio.fail_after(60):
        while True:
            result = await agent.call("complete_code", **arguments)
            if not result.is_error:
                return text(result)
            assert "still at this question" in text(result), text(result)


async def test_the_variables_of_a_kernel_are_listed(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, DATA)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        told = await agent.ok("list_variables", notebook=name)
        assert "my own code" not in told
        assert told.splitlines() == [
            f"6 variables in the kernel of {name}:",
            "count  int  3",
            "name  str  'Ada'",
            "values  list  3 items: 1, 2, 3",
            "table  numpy.ndarray  shape (4, 2), float64",
            "Thing  type",
            "thing  Thing",
        ]
        told = await agent.ok("list_variables", notebook=name, pattern="t*")
        assert told.splitlines()[1:] == ["table  numpy.ndarray  shape (4, 2), float64", "thing  Thing"]
        assert "no variables named q* (it has 6 others)" in await agent.ok(
            "list_variables", notebook=name, pattern="q*"
        )


async def test_listing_leaves_no_trace(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "1 + 1")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        look = "print(sorted(globals()), _, len(In), get_ipython().execution_count)"
        before = (await agent.ok("execute_ipython", notebook=name, code=look)).split("\n", 1)[1]
        told = await agent.ok("list_variables", notebook=name)
        assert told == f"The kernel of {name} has no variables."
        await agent.ok("inspect_object", notebook=name, code="print")
        await completed(agent, notebook=name, code="pri")
        assert (await agent.ok("execute_ipython", notebook=name, code=look)).split("\n", 1)[1] == before
        assert len(server.read_notebook(name)["cells"]) == 1


async def test_a_list_beyond_the_budget_says_how_to_see_the_rest(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "for i in range(2000):\n    globals()[f'number_{i}'] = i")
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        told = await agent.ok("list_variables", notebook=name)
        assert told.startswith("2001 variables")
        assert len(told) < 8300
        assert "more; a narrower pattern shows them" in told


async def test_an_object_is_inspected(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, DATA)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        await agent.ok("use_notebook", notebook=name)
        told = await agent.ok("inspect_object", code="thing.rename")
        assert "Signature: thing.rename(new: str) -> None" in told
        assert "Give it a new name." in told
        assert "\x1b" not in told
        told = await agent.ok("inspect_object", notebook=name, code="Thing.rename", detail=True)
        assert '"Give it a new name."' in told
        told = await agent.ok("inspect_object", notebook=name, code="helper")
        assert "characters left out" in told
        assert len(told) < 8300
        told = await agent.fails("inspect_object", notebook=name, code="no_such_name")
        assert "There is no object 'no_such_name'" in told
        assert "complete_code" in told
        assert "expected a name" in await agent.fails("inspect_object", notebook=name, code=" ")


async def test_code_is_completed(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, DATA)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        told = await completed(agent, notebook=name, code="thing.ren")
        assert told.startswith(("1 completions for 'ren':", "1 completions for 'thing.ren':"))
        assert "rename" in told
        # The cursor counts characters, not bytes or UTF-16 units.
        code = "s = '𝔘'; thing.ren + 1"
        told = await completed(agent, notebook=name, code=code, cursor=code.index(" + 1"))
        assert "rename" in told
        assert "completes nothing" in await completed(agent, notebook=name, code="no_such_thing.x")
        assert "more; a longer beginning" in await completed(agent, notebook=name, code="import ")
        assert "1 to 3" in await agent.fails("complete_code", notebook=name, code="abc", cursor=9)
        assert "before the cursor" in await agent.fails("complete_code", notebook=name, code="")


async def test_completing_runs_nothing_for_whoever_may_not_run(file: JupyterProcess, name: str) -> None:
    """A kernel imports what it completes: with a module of its own an agent that may only edit would run code."""
    file.write_notebook(name, "pass")
    trace = file.root / "imported"
    made = post(file, {"name": "editor", "tier": "edit"}, "mcp-proxy/api/tokens", **as_client())
    async with connect(file) as owner, connect(file, token=json.loads(made[2])["token"]) as editor:
        await owner.ok("execute_cell", notebook=name, cell=0)
        module = f"open({str(trace)!r}, 'w').close()"
        await editor.ok("write_file", path="imported_by_completion.py", content=module)
        code = "from imported_by_completion import "
        assert "needs the permission 'run'" in await editor.fails("complete_code", notebook=name, code=code)
        assert not trace.exists()
        await owner.call("complete_code", notebook=name, code=code)
        assert trace.exists(), "this is why"


async def test_no_kernel_is_started_by_looking(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    before = len(kernels(server))
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("list_variables", {}),
        ("inspect_object", {"code": "print"}),
        ("complete_code", {"code": "pri"}),
    )
    async with connect(server) as agent:
        for tool, more in calls:
            told = await agent.fails(tool, notebook=name, **more)
            assert f"{name!r} has no kernel" in told
            assert "execute_cell" in told
            assert "There is no notebook" in await agent.fails(tool, notebook=f"no-{name}", **more)
    assert len(kernels(server)) == before


async def test_looking_is_allowed_to_those_who_may_only_look(start_jupyter: Callable[..., JupyterProcess]) -> None:
    server = start_jupyter(rtc=False, environment={"JUPYTER_MCP_PROXY_TIER": "read"})
    server.write_notebook("a.ipynb", "pass")
    async with JupyterServer(server.url, server.token) as client:
        await client.start_session("a.ipynb", {"name": "python3"})
    async with connect(server) as agent:
        assert "has no variables" in await agent.ok("list_variables", notebook="a.ipynb")


async def test_a_kernel_that_runs_something_of_ours_is_named_with_it(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "import time\ntime.sleep(60)")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="x = 1")
        told = await agent.ok("execute_cell", notebook=name, cell=0, wait=0.5)
        execution = told.split(" · ")[0].split("\n")[-1]
        started = time.monotonic()
        told = await agent.fails("list_variables", notebook=name)
        assert time.monotonic() - started < 8
        assert "is busy" in told
        assert f"wait_execution(execution='{execution}')" in told
        await agent.ok("interrupt_kernel", notebook=name)
        assert "x  int  1" in await agent.ok("list_variables", notebook=name)


async def test_a_kernel_that_runs_something_of_a_person_is_told_to_be_busy(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, "pass")
    async with connect(server) as agent:
        await agent.ok("execute_ipython", notebook=name, code="x = 1")
        async with person(server, name) as channel:
            content = {"code": "import time; time.sleep(8)", "silent": False, "user_expressions": {}}
            request = channel.new_request("shell", "execute_request", content)
            running = asyncio.Event()
            await channel.send(request, lambda message: running.set())
            await asyncio.wait_for(running.wait(), 10)
            told = await agent.fails("inspect_object", notebook=name, code="x")
            assert "is busy" in told
            assert "a person's cell" in told
            # A shorter work is waited for.
            assert "x  int  1" in await agent.ok("list_variables", notebook=name)


# -- on another kernel --------------------------------------------------------------------------------


async def test_another_language_is_completed_and_its_limits_are_told(
    server: JupyterProcess, name: str, bash: str
) -> None:
    server.write_notebook(name, "mine=5", kernelspec={"name": bash, "display_name": "Bash", "language": "bash"})
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        told = await completed(agent, notebook=name, code="echo $min")
        assert told.splitlines() == ["1 completions for '$min':", "$mine"]
        told = await agent.fails("list_variables", notebook=name)
        assert "cannot be listed in bash" in told
        assert "execute_ipython" in told
        told = await agent.fails("inspect_object", notebook=name, code="mine")
        assert f"Kernel {bash} knows no such name, or cannot inspect" in told
        assert (await agent.ok("execute_ipython", notebook=name, code="echo $mine")).endswith("\n5")
