"""The suite itself: installed from npm, run against an endpoint, its checks read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness import needs

PACKAGE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
"""The newest in November 2026; it needs Node 22."""
LIMIT = 900.0
WHEN = re.compile(r"-\d{4}-\d\d-\d\dT[\dZ-]+$")


@dataclass(frozen=True)
class Check:
    """What one check of a scenario has shown."""

    scenario: str
    name: str
    status: str
    why: str

    @property
    def id(self) -> str:
        return f"{self.scenario}/{self.name}"


def install(folder: Path) -> Path:
    """Install it, unless it is there; its program."""
    program = folder / "node_modules" / ".bin" / "conformance"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([needs("npm"), "install", *quiet, PACKAGE], cwd=folder, check=True)
    return program


def run(program: Path, endpoint: str, version: str, results: Path) -> list[Check]:
    """Run every scenario of a version of the protocol."""
    command = [program, "server", "--url", endpoint, "--suite", "all", "--spec-version", version, "-o", results]
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT)
    checks = [check for file in sorted(results.rglob("checks.json")) for check in read(file)]
    assert checks, done.stdout + done.stderr
    return checks


def read(file: Path) -> list[Check]:
    """The checks of a scenario; its folder is `server-<scenario>-<time>`."""
    scenario = WHEN.sub("", file.parent.name).removeprefix("server-")
    return [
        Check(scenario, str(check["id"]), str(check["status"]), str(check.get("errorMessage") or ""))
        for check in json.loads(file.read_text())
    ]


def table(version: str, checks: list[Check]) -> str:
    """How many of each status, in all and by scenario."""
    scenarios = dict.fromkeys(check.scenario for check in checks)
    rows = [f"  {name:52} {counted([check for check in checks if check.scenario == name])}" for name in scenarios]
    return "\n".join([f"{version}: {counted(checks)}", *rows])


def counted(checks: list[Check]) -> str:
    counts = Counter(check.status for check in checks)
    return ", ".join(f"{number} {status.lower()}" for status, number in sorted(counts.items(), reverse=True))
