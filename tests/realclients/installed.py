"""The clients: what is installed for each, in a folder of its own, and how its program is started."""

from __future__ import annotations

import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from harness import needs

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Kind:
    """A client: its program, with the arguments after URL and token, and the packages that it needs."""

    name: str
    program: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    silent: bool = False
    """Whether its API has no way to be told of progress."""

    known: str = ""
    """The check that it is known to fail; docs/connect.md says why."""

    @property
    def title(self) -> str:
        """Its name with the version of what was installed last for it."""
        return f"{self.name} ({self.packages[-1].rpartition('@')[2].rpartition('==')[2]})"

    @property
    def folder(self) -> str:
        """Where its packages are: kinds with the same ones share them."""
        return "_".join(self.packages).translate(str.maketrans("@/=<>,[]", "--------"))


GIVES_UP = "cancel frees the kernel"
"""Who gives a call up says nothing of it, so its cell runs on."""
TYPESCRIPT_1 = "@modelcontextprotocol/sdk@1.32.2"
KINDS = (
    Kind("TypeScript SDK 1", "typescript1.mjs", (TYPESCRIPT_1,)),
    Kind("TypeScript SDK 2", "typescript2.mjs", ("@modelcontextprotocol/client@2.4.0",)),
    Kind("mcp-remote", "mcp_remote.mjs", (TYPESCRIPT_1, "mcp-remote@0.15.1")),
    Kind("Python SDK 1", "python1.py", ("mcp==1.30.0",), known=GIVES_UP),
    Kind("Python SDK 2", "python2.py", ("mcp==2.3.0",), ("2026-07-28",)),
    Kind("Python SDK 2, old era", "python2.py", ("mcp==2.3.0",), ("legacy",)),
    Kind("fastmcp", "fastmcp_client.py", ("fastmcp==4.2.3",)),
    Kind("langchain-mcp-adapters", "langchain_client.py", ("langchain-mcp-adapters==0.3.2",), known=GIVES_UP),
)
"""Those whose sidecar is killed again and again."""
MORE = (
    Kind("pydantic-ai", "pydantic_client.py", ("pydantic-ai-slim[mcp]==2.68.0",)),
    Kind("openai-agents", "openai_client.py", ("openai-agents==0.24.0",), silent=True),
    Kind("TypeScript SDK 1, stdio", "typescript1.mjs", (TYPESCRIPT_1,), ("stdio",)),
    Kind("Python SDK 1, stdio", "python1.py", ("mcp==1.30.0",), ("stdio",), known=GIVES_UP),
    Kind("fastmcp, stdio", "fastmcp_client.py", ("fastmcp==4.2.3",), ("stdio",)),
)
"""Those of the table besides."""


def install(kind: Kind, below: Path, programs: Path = PROGRAMS) -> None:
    """Install a client's packages, unless they are there, and put the programs beside them."""
    folder = below / kind.folder
    if not folder.exists():
        if not kind.program.endswith(".py"):
            folder.mkdir(parents=True)
            (folder / "package.json").write_text('{"private": true}')
            quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run([needs("npm"), "install", *quiet, *kind.packages], cwd=folder, check=True)
        else:
            venv.create(folder, with_pip=True)
            subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-qq", *kind.packages], check=True)
    for program in programs.iterdir():  # Node looks for packages from where the program is
        if program.is_file():
            shutil.copy(program, folder)


def command(kind: Kind, below: Path, url: str, token: str) -> list[str]:
    """How a client's program is started, in its folder."""
    folder = below / kind.folder
    runs = needs("node") if kind.program.endswith(".mjs") else str(folder / "bin" / "python")
    return [runs, str(folder / kind.program), url, token, *kind.arguments]
