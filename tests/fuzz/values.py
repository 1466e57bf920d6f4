"""Values for a tool's parameters, by lot: right ones for a notebook, ones beside them, and any others. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

Schema = dict[str, Any]
HALF = "\ud800"
ANY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 10**6, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30, -(10**30), 0.5, -0.5, 1e22,
    1e308, -1e308, float("nan"), float("inf"), "", " ", "\n", "\0", "a\0b", HALF, f"x{HALF}y", "-1", "0", "1.0", "1e5",
    "null", "NaN", "true", "٣", "²", "日本\u202e🎈", "x" * 5_000, "x" * 300_000, "../../etc/passwd", "/etc/passwd", "~",
    "C:\\x", "a/../b", ".", "..", "/", "//", "\\", "file:///etc/passwd", "notebook://a.ipynb", "%00", "%s%n{0}${x}",
    "\x1b[31mred", "── 1 deadbeef code", "[Note: x]", "<script>", "'; --", "(", "[", "[" * 2_000,
    "(?:" * 50, "^(a|aa)+$",
    "(?<=a+)b", "\\", "*", "**/*", "[!", "{a,b}", [], [[]], [None], [0, 0], ["", ""], [1e22], [True], ["x"] * 2_000, {},
    {"a": 1}, {"": None}, {"cell": 0}, [{}], [{"old": ""}], [{"old": "a", "new": 1}], [{"source": None}],
)  # fmt: skip
"""What no parameter is made for; some take some of them."""
METADATA: tuple[Any, ...] = (
    {}, {"tags": ["a", "b"]}, {"tags": None}, {"tags": "no list"}, {"tags": [1, {}]}, {"collapsed": True},
    {"jupyter": {"source_hidden": True}}, {"jupyter": None}, {"jupyter": 3}, {"deletable": False}, {"editable": False},
    {"deletable": None, "editable": None}, {"limit": 1e22}, {"huge": 2**70}, {"nan": float("nan")}, {"a": {"b": [1.0]}},
    {"trusted": True}, {"": 1}, {"x" * 3_000: 1}, {"deep": None}, {"é": "🎈"},
    {"execution": {"iopub.execute_input": "x"}},
    {"name": ""}, {"scrolled": "auto"}, {"format": 5}, {"id": "other"}, {HALF: 1}, {"half": HALF},
)  # fmt: skip
SOURCES = (
    "", "1 + 1", "x = 1\ny = 2\nx", "# Title", "print('a' * 200)", "1/0", "é = '🎈'", "a\r\nb\rc", "\n\n", "input()",
    "%%bash\necho 1", "%nothing", "import time; time.sleep(3)", "\u2028", "x" * 20_000, "def f(:", "```\n```",
)  # fmt: skip
SHOW = "from IPython.display import *\n"
CODE = (
    "1", "print(1)", "x = [1]", "1/0", "input('?')", "raise SystemExit", "!echo 1", "%%time\n1", "?print", "", " ", "(",
    "import time\nfor n in range(40):\n    print(n)\n    time.sleep(.1)", "print('\\x00\\ud800')", "%load_ext nothing",
    "print('x' * 10**6)", "x: int = 'é'", "exit", "import sys; print('e', file=sys.stderr)",
    f"{SHOW}display(HTML('<b>x</b>'), Image(b'no', format='png'))",
    f"{SHOW}clear_output(); display({{'a/b': 'c'}}, raw=True)",
    "class A:\n    def __repr__(self): raise ValueError\nA()",
)  # fmt: skip


@dataclass
class Facts:
    """What is known of a notebook, its kernel and its neighbours: what right values are made of."""

    notebook: str
    folder: str
    others: list[str] = field(default_factory=list)
    """Paths of other notebooks and files in its folder."""
    cells: list[tuple[str, str]] = field(default_factory=list)
    """Short id and type of each cell, in order."""
    sources: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    """Hash by short id."""
    executions: list[str] = field(default_factory=list)
    kernels: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=lambda: ["deadbeef"])
    """Ids of cells of other notebooks."""
    digests: dict[str, str] = field(default_factory=dict)
    """Hash by path of a text file."""


class Values:
    """Arguments by lot."""

    def __init__(self, lot: Random, facts: Facts) -> None:
        self.lot, self.facts = lot, facts

    def arguments(self, tool: str, schema: Schema, wrong: float = 0.12) -> dict[str, Any]:
        """Arguments of a tool: each right, or by a small chance anything at all."""
        required = schema.get("required", [])
        given: dict[str, Any] = {}
        for name, each in schema["properties"].items():
            if name in required or name in ("notebook", "wait") or self.lot.random() < 0.35:
                given[name] = self._value(tool, name, each, schema, given)
                if self.lot.random() < wrong:
                    given[name] = self._near(given[name])
        if given and self.lot.random() < 0.02:
            given.pop(self.lot.choice(list(given)), None)
        if self.lot.random() < 0.02:
            given[self.lot.choice(["nonsense", "Cell", "", "self", "ctx"])] = self.lot.choice(ANY)
        return given

    def _near(self, value: Any) -> Any:
        """What is beside a right value, or anything."""
        if self.lot.random() < 0.5:
            return self.lot.choice(ANY)
        beside: list[Any] = [[value], str(value), None]
        if isinstance(value, str):
            beside += [
                value.upper(),
                value[:1],
                value + " ",
                f" {value}",
                value[::-1],
                value + "\0",
                value * 50,
                f"./{value}",
            ]
        elif isinstance(value, bool):
            beside += [int(value), "yes"]
        elif isinstance(value, (int, float)):
            beside += [-value, float(value), value + 0.5, value + 10**9, value * 1e22]
        elif isinstance(value, list):
            beside += [value + value, [*value[:1], None], dict.fromkeys(map(str, value)), value[::-1]]
        elif isinstance(value, dict):
            beside += [{**value, "more": 1}, list(value), {f" {name}": each for name, each in value.items()}]
        return self.lot.choice(beside)

    def _value(self, tool: str, name: str, schema: Schema, whole: Schema, given: dict[str, Any]) -> Any:
        if "enum" in schema:
            return self.lot.choice(schema["enum"])
        made = getattr(self, f"_{name}", None)
        if made is not None:
            return made(tool, given)
        if "$ref" in schema:
            return self._object(tool, whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], whole)
        kind = schema.get("type", "string")
        kind = self.lot.choice(kind) if isinstance(kind, list) else kind
        if kind == "array":
            return [
                self._value(tool, "", schema["items"], whole, given) for _ in range(self.lot.choice([0, 1, 1, 2, 3]))
            ]
        if kind == "boolean":
            return self.lot.random() < 0.5
        if kind in ("integer", "number"):
            return self.lot.choice([0, 1, 2, 3, 10, 100, -1, -2])
        return self._word()

    def _object(self, tool: str, schema: Schema, whole: Schema) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, each in schema["properties"].items():
            if name in schema["required"] or self.lot.random() < 0.3:
                given[name] = self._value(tool, name, each, whole, given)
                if self.lot.random() < 0.03:
                    given[name] = self._near(given[name])
        return given

    def _word(self) -> str:
        words = re.findall(r"\w+", self.lot.choice(self.facts.sources or ["nothing"])) or ["nothing"]
        return self.lot.choice(words)

    def _line(self) -> str:
        lines = self.lot.choice(self.facts.sources or [""]).split("\n")
        return self.lot.choice(lines) or "nothing"

    def _cell(self, tool: str, given: dict[str, Any]) -> Any:
        if tool == "delete_cell" and self.lot.random() < 0.3:
            return self._cells(tool, given)
        cells, lot = self.facts.cells, self.lot.random()
        if not cells or lot < 0.04:
            return self.lot.choice([*self.facts.strangers, 10**4, -(10**4), len(cells), -len(cells) - 1])
        place = self.lot.randrange(len(cells))
        if tool.startswith(("execute", "run", "clear")) and lot < 0.8:
            code = [at for at, (_, kind) in enumerate(cells) if kind == "code"]
            place = self.lot.choice(code or [place])
        if lot < 0.4:
            return place
        if lot < 0.5:
            return place - len(cells)
        return cells[place][0][: self.lot.choice([3, 4, 8, 8, 8])]

    _start = _until = _after = _cell

    def _cells(self, tool: str, given: dict[str, Any]) -> list[Any]:
        if tool == "insert_cell":
            return [
                {"source": self.lot.choice(SOURCES), "after": self._cell("", {})}
                for _ in range(self.lot.choice([1, 2]))
            ]
        if tool == "merge_cells" and len(self.facts.cells) > 1:
            place = self.lot.randrange(len(self.facts.cells) - 1)
            return [place, place + 1]
        return [self._cell("one", given) for _ in range(self.lot.choice([1, 1, 2, 3]))]

    def _if_hash(self, tool: str, given: dict[str, Any]) -> Any:
        if tool == "write_file":
            return self.facts.digests.get(str(given.get("path")), "0" * 8)
        named = given.get("cells", given.get("cell"))
        found = [self._hash_of(each) for each in (named if isinstance(named, list) else [named])]
        return found if tool == "merge_cells" else found[0] if found else ""

    def _hash_of(self, cell: Any) -> str:
        for place, (id, _) in enumerate(self.facts.cells):
            if cell in (place, place - len(self.facts.cells)) or (
                isinstance(cell, str) and cell and id.startswith(cell)
            ):
                return self.facts.hashes.get(id, "00000000")
        return self.lot.choice(list(self.facts.hashes.values()) or ["0" * 8])

    def _notebook(self, tool: str, given: dict[str, Any]) -> str:
        if self.lot.random() < 0.04:
            return self.lot.choice([*self.facts.others, f"{self.facts.folder}/nowhere.ipynb", self.facts.notebook[:-6]])
        return self.lot.choice([self.facts.notebook] * 9 + [f"/{self.facts.notebook}"])

    def _path(self, tool: str, given: dict[str, Any]) -> str:
        near = [*self.facts.others] * 4 + [
            self.facts.folder,
            f"{self.facts.folder}/new.txt",
            f"{self.facts.folder}/a b/é.md",
        ]
        return self.lot.choice([*near, self.facts.notebook] if tool != "delete_file" else near[:-3] or near)

    def _to(self, tool: str, given: dict[str, Any]) -> str:
        name = self.lot.choice(
            ["b.ipynb", "c.ipynb", "sub/d.ipynb", "t.txt", "u.md", "sub/", "", ".hidden", "x.py", "con.txt"]
        )
        return f"{self.facts.folder}/{name}" if name or self.lot.random() < 0.5 else self.facts.folder

    def _content(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(["", "a\nb\n", "a\r\nb", "{}", "é🎈", "x" * 100_000, '{"cells": []}'])

    def _source(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(CODE if tool.startswith("insert_execute") else (*SOURCES, self._line()))

    def _code(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice([*CODE, "x.", "print", "os.path", self._word()])

    def _edits(self, tool: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._edit() for _ in range(self.lot.choice([1, 1, 1, 2, 3]))]

    def _edit(self) -> dict[str, Any]:
        regex = self.lot.random() < 0.25
        old = self.lot.choice([self._line(), self._word(), self._word()])
        made: dict[str, Any] = {"old": old, "new": self.lot.choice(["", "y", f"{old} # 1", "a\nb", "é"])}
        if regex:
            patterns = [
                re.escape(old),
                r"(\w+)",
                "^",
                "$",
                "a*",
                f"({re.escape(old)})",
                "(?m)^#",
                "(",
                "(?P<x>a)",
                "\\",
            ]
            made |= {"regex": True, "old": self.lot.choice(patterns)}
            made["new"] = self.lot.choice(["", r"\1", r"\g<1>", r"\9", "\\", r"\g<x>", "$1"])
        for name in ("replace_all", "word"):
            if self.lot.random() < 0.3:
                made[name] = True
        if self.lot.random() < 0.2:
            made["cell"] = self._cell("", {})
        return made

    def _search(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(
            [self._word(), re.escape(self._line()), ".", "^#", "(?i)IMPORT", "a|b", "\\d+", "(", "[", "(a)\\1"]
        )

    _grep = _search

    def _pattern(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(["*", "*.ipynb", "x*", "?", "[a-z]*", "[", "**", "*/*", "!", "{a,b}", ""])

    def _at(self, tool: str, given: dict[str, Any]) -> list[int]:
        return self.lot.choice([[2], [2], [2, 3], [3, 2], [1], [0], [-1], [2, 2], [10**6], []])

    def _metadata(self, tool: str, given: dict[str, Any]) -> Any:
        return self.lot.choice(METADATA)

    def _wait(self, tool: str, given: dict[str, Any]) -> float:
        return self.lot.choice([0, 0.1, 0.5, 1, 2])

    def _execution(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice([*self.facts.executions[-6:], "x1"])

    def _kernel(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(["python3", "python3", *self.facts.kernels[-2:], "nothing"])

    def _kernelspec(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(["python3", "python3", "nothing", "ir"])

    def _stdin(self, tool: str, given: dict[str, Any]) -> list[str]:
        return self.lot.choice([[], ["a"], ["a", "b"], [""], ["é\n"]])

    def _media(self, tool: str, given: dict[str, Any]) -> str:
        return self.lot.choice(["text/plain", "text/html", "image/png", "application/json", "a/b", "*"])
