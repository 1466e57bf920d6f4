"""What the sidecar was told at its start, resolved once from the environment."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Literal, get_args

from .contract import ENV_PREFIX, TIERS

Tier = Literal["read", "edit", "run"]


def _within(tier: str, tiers: list[str]) -> list[str]:
    """Those of some tiers that another includes."""
    return [each for each in tiers if TIERS.index(each) <= TIERS.index(tier)]


@dataclass(frozen=True)
class Settings:
    """The sidecar's settings. `repr` shows no credential."""

    server_url: str
    runtime_dir: str
    run_id: str
    parent_pid: int
    root_dir: str = ""
    trash: bool = False
    """Whether Jupyter moves what is deleted into the system's trash."""
    notebook_endings: tuple[str, ...] = (".ipynb",)
    """Of the files that the server opens as notebooks: more than one where it has jupytext."""
    relay: str = "streaming"
    tier: Tier = "run"
    wait: float = 45.0
    output_budget: int = 8000
    max_body_size: int = 16 * 1024 * 1024
    allowed_paths: tuple[str, ...] = ("*",)
    refused_paths: tuple[str, ...] = ()
    read_only_paths: tuple[str, ...] = ()
    review: bool = False
    """Whether the edits of a client wait for a person, unless one has said otherwise."""
    audit: bool = True
    audit_contents: bool = False
    server_socket: str = ""
    server_certificate: str = ""
    server_open: bool = False
    ask_before_running: bool = False
    """Whether a person is asked before an agent's code runs, until they switch that."""
    signin: bool = False
    """Whether a client that comes without a token can sign in."""
    secret: str = ""
    server_token: str = ""
    endpoint_token: str = ""
    """What a client shows where no Jupyter extension stands in front: `jupyter mcp-proxy serve`."""
    notebook: str = ""
    """The notebook that clients are told of, as `jupyter mcp-proxy serve` was."""
    images: bool = True

    def __repr__(self) -> str:
        return f"Settings(server_url={self.server_url!r}, relay={self.relay!r}, tier={self.tier!r})"

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Settings:
        """Read the settings and remove the credentials, so that nothing started from here inherits them.

        Raises ValueError naming the variable that is missing or unusable.
        """

        def value(name: str, default: str | None = None) -> str:
            found = environment.get(ENV_PREFIX + name, default)
            if found is None:
                raise ValueError(
                    f"{ENV_PREFIX}{name} is not set: the sidecar is started by Jupyter, not by hand. "
                    "Start `jupyter lab` and open its tile."
                )
            return found

        tier = value("TIER", "run")
        if tier not in get_args(Tier):
            raise ValueError(f"{ENV_PREFIX}TIER={tier!r}: one of read, edit, run")
        settings = cls(
            server_url=value("SERVER_URL"),
            runtime_dir=value("RUNTIME_DIR"),
            run_id=value("RUN_ID"),
            parent_pid=int(value("PARENT_PID")),
            root_dir=value("ROOT_DIR", ""),
            notebook_endings=tuple(json.loads(value("NOTEBOOK_ENDINGS", '[".ipynb"]'))),
            trash=bool(value("TRASH", "")),
            relay=value("RELAY", "streaming"),
            tier=tier,  # type: ignore[arg-type]
            wait=float(value("WAIT", "45")),
            output_budget=int(value("OUTPUT_BUDGET", "8000")),
            max_body_size=int(value("MAX_BODY_SIZE", str(16 * 1024 * 1024))),
            allowed_paths=tuple(json.loads(value("ALLOWED_PATHS", '["*"]'))),
            refused_paths=tuple(json.loads(value("REFUSED_PATHS", "[]"))),
            read_only_paths=tuple(json.loads(value("READ_ONLY_PATHS", "[]"))),
            review=value("REVIEW", "False") == "True",
            audit=value("AUDIT", "True") == "True",
            audit_contents=value("AUDIT_CONTENTS", "False") == "True",
            ask_before_running=value("ASK_BEFORE_RUNNING", "False") == "True",
            server_socket=value("SERVER_SOCKET", ""),
            server_certificate=value("SERVER_CERTIFICATE", ""),
            server_open=bool(value("SERVER_OPEN", "")),
            signin=value("SIGNIN", "False") == "True" and bool(_within(tier, json.loads(value("SIGNIN_TIERS", "[]")))),
            secret=value("SECRET"),
            server_token=value("SERVER_TOKEN", ""),
            endpoint_token=value("ENDPOINT_TOKEN", ""),
            notebook=value("NOTEBOOK", ""),
            images=value("IMAGES", "True") == "True",
        )
        for name in ("SECRET", "SERVER_TOKEN", "ENDPOINT_TOKEN"):
            environment.pop(ENV_PREFIX + name, None)
        return settings
