"""The program git, run in a folder as a person runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOMEBODY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str, fails: bool = False) -> str:
    """Run git; what it printed. With `fails` it must end with an error, as at a conflict."""
    ran = subprocess.run(["git", *SOMEBODY, *arguments], cwd=folder, capture_output=True, text=True)
    assert (ran.returncode != 0) == fails, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def repository(folder: Path, *ignored: str) -> Path:
    """A repository with all that is in a folder in its first commit, on the branch `main`."""
    (folder / ".gitignore").write_text("".join(f"{name}\n" for name in (".ipynb_checkpoints", *ignored)))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder
