"""The server's part by itself: what it is made of, what it needs, and how it is told that there is no sidecar."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import jupyter_mcp_proxy
from jupyter_mcp_proxy.store import sidecars

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jupyter_mcp_proxy"
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PART = tomllib.loads((PACKAGE / "parent" / "pyproject.toml").read_text(encoding="utf-8"))
FILES = PART["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
NOT_THERE = ("httpx", "lxml", "mcp", "mcp_types", "PIL", "pycrdt", "jupyter_ydoc", "pydantic", "starlette",
             "uvicorn", "websockets")  # fmt: skip
BLOCKED = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_THERE}:
            raise ImportError(f"{{name}} is not to be loaded")
sys.meta_path.insert(0, Block())
"""


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as that wheel holds it."""
    folder = tmp_path_factory.mktemp("part")
    for source, target in FILES.items():
        there, here = PACKAGE / "parent" / source, folder / target
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, here, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(there, here)
    return folder


def ran(part: Path, code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What a Python does that has the server's part and none of the sidecar's packages."""
    start = f"{BLOCKED}\nsys.path.insert(0, {str(part)!r})\n{code}"
    environment = {"PATH": "", "JUPYTER_DATA_DIR": str(tmp_path / "data"), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-c", start], env=environment, cwd=tmp_path, text=True, capture_output=True, timeout=60
    )


def command(part: Path, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return ran(part, f"from jupyter_mcp_proxy.cli import main\nsys.exit(main({list(words)}))", tmp_path)


def name_of(requirement: str) -> str:
    found = re.match(r"[\w-]+", requirement)
    assert found is not None
    return found.group().lower()


def test_what_it_needs_is_a_part_of_what_the_whole_needs_with_the_same_limits() -> None:
    needs = set(PART["project"]["dependencies"])
    assert needs <= set(WHOLE["project"]["dependencies"])
    assert {"mcp", "pydantic", "pycrdt", "jupyter-ydoc"}.isdisjoint(map(name_of, needs))


@pytest.mark.parametrize("what", ["scripts", "entry-points", "requires-python", "license", "urls"])
def test_what_both_declare_is_the_same(what: str) -> None:
    assert PART["project"][what] == WHOLE["project"][what]
    assert PART["project"]["name"] != WHOLE["project"]["name"]


def test_each_of_its_files_is_there_and_none_is_the_sidecars(part: Path) -> None:
    assert jupyter_mcp_proxy.__file__ is not None
    assert not sidecars.has_own(part / "jupyter_mcp_proxy")
    assert sidecars.has_own()
    for name in ("parent", "cli", "store", "stdio"):
        assert (part / "jupyter_mcp_proxy" / name / "__init__.py").is_file()


def test_every_module_of_the_jupyter_process_and_the_command_line_is_loaded_without_the_sidecars_packages(
    part: Path, tmp_path: Path
) -> None:
    package = part / "jupyter_mcp_proxy"
    modules = sorted(
        ".".join(file.relative_to(part).with_suffix("").parts).removesuffix(".__init__")
        for file in package.rglob("*.py")
        if file.name != "__main__.py"
    )
    done = ran(part, f"import importlib\nfor name in {modules}: importlib.import_module(name)", tmp_path)
    assert done.returncode == 0, done.stderr


def test_all_that_a_module_of_it_imports_of_ours_is_in_it_but_for_the_demonstration(part: Path) -> None:
    """Imports within functions count, too."""
    package = part / "jupyter_mcp_proxy"
    missing = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                place = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                if not (place.is_dir() or place.with_suffix(".py").is_file()):
                    missing.add(place.relative_to(package).parts[0])
    assert missing <= {"demo"}


@pytest.mark.parametrize("words", [["token", "list"], ["config"], ["snapshots"], ["--version"]])
def test_a_command_that_needs_no_sidecar_works(part: Path, tmp_path: Path, words: list[str]) -> None:
    done = command(part, tmp_path, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["demo"], ["serve"]])
def test_one_that_needs_the_whole_says_so(part: Path, tmp_path: Path, words: list[str]) -> None:
    done = command(part, tmp_path, *words)
    assert done.returncode == 1
    assert "environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sidecar_is_shown_when_it_was_finished_and_forgotten_when_it_was_removed(part: Path, tmp_path: Path) -> None:
    none = command(part, tmp_path, "sidecar", "show")
    assert none.returncode == 1
    assert "sidecar install" in none.stderr
    version = jupyter_mcp_proxy.__version__
    folder = tmp_path / "data" / "mcp-proxy" / "sidecar" / version
    python = sidecars.python_in(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    assert command(part, tmp_path, "sidecar", "show").returncode == 1
    (folder / sidecars.MADE).write_text(f'{{"version": "{version}", "requirement": "here"}}')
    shown = command(part, tmp_path, "sidecar", "show")
    assert shown.returncode == 0
    assert str(python) in shown.stdout
    assert command(part, tmp_path, "sidecar", "remove").returncode == 0
    assert not folder.exists()


def test_one_that_cannot_be_installed_is_not_used_and_says_how_to_bring_it(part: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.whl"
    code = (
        "import jupyter_mcp_proxy.cli.sidecar as s\n"
        "s.commands = lambda *given: [[sys.executable, '-c', 'raise SystemExit(1)']]\n"
        f"from jupyter_mcp_proxy.cli import main\nsys.exit(main(['sidecar', 'install', '--from', {str(absent)!r}]))"
    )
    done = ran(part, code, tmp_path)
    assert done.returncode == 1
    assert "pip download" in done.stderr
    assert command(part, tmp_path, "sidecar", "show").returncode == 1


def test_the_whole_makes_no_second_sidecar(part: Path, tmp_path: Path) -> None:
    done = ran(ROOT, "from jupyter_mcp_proxy.cli import main\nsys.exit(main(['sidecar', 'install']))", tmp_path)
    assert done.returncode == 1
    assert "needs no other" in done.stderr
