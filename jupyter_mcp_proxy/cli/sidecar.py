"""`jupyter mcp-proxy sidecar`: an environment of its own for the sidecar, where it can be in none with the server."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .. import __version__
from .output import PROGRAM, printable, remark

DESCRIPTION = """\
Make, renew, show and remove the environment in which the sidecar runs. It is needed where
jupyter-mcp-proxy-server is installed: beside packages that need another version of what the sidecar needs,
such as jupyter-ai 3, which needs mcp below 2. It stands below Jupyter's data directory, one for each
version, and is found there by the servers of that version; nothing is configured."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy sidecar install                  from the package index
  jupyter mcp-proxy sidecar install --from ~/src/jupyter-mcp-proxy     from a checkout, a wheel, a requirement
  jupyter mcp-proxy sidecar upgrade                  newer versions of what it needs
  jupyter mcp-proxy sidecar show
  jupyter mcp-proxy sidecar remove --all             of every version

exit codes: 0 done, 1 not done or, with show, there is no sidecar."""

PACKAGE = "jupyter-mcp-proxy"
LIMIT = 60.0
LOOK = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; import jupyter_mcp_proxy.sidecar.app; "
    "import jupyter_mcp_proxy; print(jupyter_mcp_proxy.__version__)"
)
"""Loads what the sidecar needs, and says its version."""


class Failed(Exception):
    """It cannot be made; the text says why, with what helps."""


def declare(command: argparse.ArgumentParser) -> None:
    """The commands below this one, and their options."""
    actions = command.add_subparsers(title="commands", dest="action", metavar="<command>", required=True)
    for name, text in (("install", "make it"), ("upgrade", "renew it, with all that it needs")):
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        action.add_argument(
            "--from", dest="source", metavar="SOURCE",
            help=f"a checkout, a wheel or a requirement (default: {PACKAGE}=={__version__})",
        )  # fmt: skip
    actions.add_parser("show", help="say where it is", description="Say which Python runs the sidecar.")
    remove = actions.add_parser("remove", help="take it away", description="Remove the environment.")
    remove.add_argument("--all", action="store_true", help="those of every version")


def run(options: argparse.Namespace) -> int:
    """Do what is asked."""
    if options.action == "show":
        return show()
    if options.action == "remove":
        return remove(every=options.all)
    try:
        return make(options.source, anew=options.action == "upgrade")
    except Failed as error:
        remark(str(error))
        return 1


def make(source: str | None, *, anew: bool) -> int:
    """Make the environment of this version; one that is there is renewed if asked to. Raises Failed."""
    from ..store import sidecars
    from ..store.private import private_folder

    if sidecars.has_own():
        raise Failed(f"{PACKAGE} {__version__} is installed here with its sidecar: it needs no other.")
    before = sidecars.made()
    if before is not None and not anew and source is None:
        print(f"The sidecar {__version__} is there already: {before.python}")
        remark(f"`{PROGRAM} sidecar upgrade` renews it.")
        return 0
    requirement = wanted(source) if source else before.requirement if before else f"{PACKAGE}=={__version__}"
    folder = sidecars.home() / __version__
    private_folder(sidecars.home())
    # What is not finished is used by no server, however this ends.
    (folder / sidecars.MADE).unlink(missing_ok=True)
    remark(f"Making {folder} with {requirement} …")
    python = sidecars.python_in(folder)
    for command in commands(folder, python, requirement, shutil.which("uv")):
        if subprocess.run(command, stdout=sys.stderr, env=own(os.environ)).returncode:  # noqa: S603 - this Python, or uv
            raise Failed(
                f"\n{requirement} could not be installed in {folder}; why, is said above.\n"
                "Without a way to the package index: on a machine that has one,\n"
                f"  python -m pip download -d wheels {PACKAGE}=={__version__}\n"
                "with the same Python and system, copy the folder here, and\n"
                f"  PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels {PROGRAM} sidecar install\n"
                f"A checkout or a wheel is given by --from."
            )
    found = version_in(str(python))
    if found != __version__:
        raise Failed(
            f"{requirement} is {found}, and this server's part is {__version__}: they must be the same.\n"
            f"Install {PACKAGE}-server {found} here, or name another by --from. Nothing uses this one."
        )
    made = sidecars.Made(__version__, requirement, folder)
    sidecars.finish(made)
    print(f"The sidecar {__version__} is ready: {made.python}")
    remark("Running servers find it at the next call. One whose sidecar was renewed has the old one until it restarts.")
    others = [version for version in sidecars.versions() if version != __version__]
    if others:
        remark(f"There are sidecars of other versions, too: {', '.join(others)}. `{PROGRAM} sidecar remove --all`")
    return 0


def wanted(source: str) -> str:
    """A requirement as pip takes it from any folder: a path becomes absolute."""
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source


def commands(folder: Path, python: Path, requirement: str, uv: str | None) -> list[list[str]]:
    """What makes the environment, with uv where that is there. Settings of pip hold for pip: with one, pip is taken."""
    if uv and not any(name.startswith("PIP_") for name in os.environ):
        return [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), "--upgrade", requirement],
        ]
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    return [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*install, "--upgrade-strategy", "eager", requirement],
    ]


def version_in(python: str) -> str:
    """The version of the sidecar that a Python has. Raises Failed where it has none."""
    try:
        done = subprocess.run(  # noqa: S603 - the Python that was just made
            [python, "-c", LOOK], capture_output=True, text=True, errors="replace", timeout=LIMIT, env=own(os.environ)
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{python} does not run: {error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise Failed(f"What was installed holds no sidecar that can be loaded: {printable(said[0])}")
    return done.stdout.strip()


def own(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which no other folder's packages stand in for those that were installed."""
    return {name: value for name, value in environment.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def show() -> int:
    """Say which Python runs the sidecar."""
    from ..store import sidecars

    if sidecars.has_own():
        print(f"{__version__}  {sys.executable}  (installed with {PACKAGE})")
        return 0
    found = sidecars.made()
    if found is not None:
        print(printable(f"{found.version}  {found.python}  (from {found.requirement})"))
    for version in sidecars.versions():
        if version != __version__:
            print(printable(f"{version}  {sidecars.home() / version}  (for servers of that version)"))
    if found is None:
        remark(f"There is no sidecar of version {__version__}. `{PROGRAM} sidecar install` makes one.")
    return 0 if found is not None else 1


def remove(*, every: bool) -> int:
    """Take the environment of this version away, or all of them."""
    from ..store import sidecars

    there = sidecars.versions()
    gone = there if every else [version for version in there if version == __version__]
    for version in gone:
        folder = sidecars.home() / version
        with suppress(OSError):
            (folder / sidecars.MADE).unlink()
        try:
            shutil.rmtree(folder)
        except OSError as error:
            remark(f"{folder} could not be removed whole: {error.strerror}.")
            return 1
        print(f"Removed {folder}")
    if not gone:
        remark("There is none to remove.")
    return 0
