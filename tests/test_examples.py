"""Examples in the pages and in `--help` are right: commands parse, files are of their format, what they name is."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from harness import REPOSITORY

from jupyter_mcp_proxy.cli import create_parser
from jupyter_mcp_proxy.cli.given import TOKEN_VARIABLE
from jupyter_mcp_proxy.config import MCPProxy
from jupyter_mcp_proxy.contract import ENV_PREFIX

PAGES = [
    *(
        REPOSITORY / name
        for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "RELEASE.md", "benchmarks/README.md")
    ),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
# `docker build --tag` gives an image that name.
OURS = re.compile(r"(?:^|(?<=[\s;(])(?<!--tag ))(?:jupyter[ -]mcp-proxy|python\S*(?: -P)? -m jupyter_mcp_proxy)(?= )")
SHELLS = ("sh", "bash")


@dataclass(frozen=True)
class Example:
    """What a page gives, and where."""

    page: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page} {self.kind} {self.text.strip().splitlines()[0][:60]}"


def examples(page: Path) -> list[Example]:
    """The blocks of a page by their language, and what stands as code within its lines as `span`."""
    name = page.relative_to(REPOSITORY).as_posix()
    text = page.read_text(encoding="utf-8")
    blocks = [Example(name, kind.strip() or "text", body) for kind, body in FENCE.findall(text)]
    return blocks + [Example(name, "span", " ".join(body.split())) for _, body in SPAN.findall(FENCE.sub("", text))]


def helps() -> list[Example]:
    """What `--help` says at its end, for the program and for each command."""
    parser = create_parser()
    nested: dict[str, argparse.ArgumentParser] = parser._subparsers._group_actions[0].choices  # type: ignore[union-attr, assignment]
    return [Example(f"{each.prog} --help", "help", each.epilog or "") for each in (parser, *nested.values())]


ALL = [*helps(), *(example for page in PAGES for example in examples(page))]
BLOCKS = [example for example in ALL if example.kind not in ("span", "help")]


def commands(example: Example) -> list[str]:
    """Our own commands in an example, each without what begins before it and what follows it in a shell."""
    found = []
    for line in example.text.splitlines():
        for match in OURS.finditer(line.removeprefix("$ ")):
            rest = line.removeprefix("$ ")[match.end() :]
            found.append(re.split(r" (?:#|&&|\|\|?|>|;) ?|(?: {3,})", rest, maxsplit=1)[0].strip())
    return found


def usage(command: str) -> bool:
    """Whether it says how a command is called, not what to type: `[--port N]`, `<client>`, `read|edit|run`, `…`."""
    return re.search(r"[\[\]<>|…]|\bCLIENT\b|^<", command) is not None


COMMANDS = sorted({(example.page, command) for example in ALL for command in commands(example) if not usage(command)})


def test_the_pages_have_examples_of_each_kind() -> None:
    """Else this file looks at nothing."""
    assert {"json", "python", "yaml", *SHELLS} <= {example.kind for example in BLOCKS}
    assert len(COMMANDS) > 30


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_each_command_of_ours_has_the_options_that_it_is_given(page: str, command: str) -> None:
    words = shlex.split(command)
    try:
        options = create_parser().parse_args(words)
    except SystemExit as ended:  # `--help` and `--version` end it, with 0
        assert ended.code == 0 or only_named(words), f"{page}: {command}"
    else:
        assert options.command == words[0]


def only_named(words: list[str]) -> bool:
    """Whether words name a command that wants more, as `token` and `token new` do, and nothing that it has not."""
    parser = create_parser()
    for word in words:
        nested = parser._subparsers._group_actions[0].choices if parser._subparsers else None
        if nested is None or word not in nested:  # type: ignore[operator]
            return False
        parser = nested[word]  # type: ignore[index]
    return True


@pytest.mark.parametrize("example", [each for each in BLOCKS if each.kind in SHELLS], ids=str)
def test_each_block_for_a_shell_is_one_that_bash_can_read(example: Example) -> None:
    assert subprocess.run(["bash", "-n"], input=example.text, capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("example", [each for each in BLOCKS if each.kind not in SHELLS], ids=str)
def test_each_block_of_a_format_is_of_that_format(example: Example) -> None:
    readers = {"json": json.loads, "yaml": yaml.safe_load, "python": lambda text: compile(text, example.page, "exec")}
    if example.kind in readers:
        assert readers[example.kind](example.text)
    else:
        assert example.kind == "text" or example.kind.startswith("{toctree}")


def test_each_server_that_a_client_is_to_start_is_started_by_a_command_of_ours() -> None:
    started = 0
    for example in ALL:
        if example.kind != "json" or "mcpServers" not in example.text:
            continue
        for server in json.loads(example.text)["mcpServers"].values():
            if server.get("command") == "uvx":
                package, *arguments = server["args"]
                assert package == "jupyter-mcp-proxy"
                assert create_parser().parse_args(arguments).command == arguments[0]
                started += 1
    assert started


def test_each_setting_that_is_named_is_there() -> None:
    there = set(MCPProxy.class_trait_names(config=True))
    for example in ALL:
        named = set(re.findall(r"\bMCPProxy\.(\w+)", example.text))
        assert named <= there, example
        variables = set(re.findall(rf"\b{ENV_PREFIX}([A-Z_]+)", example.text))
        assert variables - {TOKEN_VARIABLE.removeprefix(ENV_PREFIX)} <= {name.upper() for name in there}, example


def test_each_module_that_is_run_and_each_script_is_there() -> None:
    for example in ALL:
        for module in re.findall(r"python -m ((?:benchmarks|jupyter_mcp_proxy)[\w.]*)", example.text):
            assert exists(REPOSITORY / module.replace(".", "/")), example
        for module in re.findall(r"PYTHONPATH=tests python -m ([\w.]+)", example.text):
            assert exists(REPOSITORY / "tests" / module.replace(".", "/")), example
        for script in re.findall(r"(?:^|\s)(\.ci/\w+)", example.text):
            assert (REPOSITORY / script).is_file(), example


def exists(module: Path) -> bool:
    return module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
