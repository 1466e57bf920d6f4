"""Every setting, once: a traitlet of `MCPProxy`, an environment variable, a field of the sidecar's settings."""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit

from traitlets import Bool, Enum, Float, Integer, List, TraitError, TraitType, Unicode, validate
from traitlets.config import Configurable

from .contract import ENV_PREFIX, TIERS

RUN_UNASKED = (
    "**/kernel.json",
    "**/jupyter*_config.*",
    "**/ipython*_config.*",
    "**/share/jupyter",
    "**/etc/jupyter",
    "**/profile_*/startup",
    "**/jupytext.*",
    "**/sitecustomize",
    "**/sitecustomize.*",
    "**/usercustomize",
    "**/usercustomize.*",
    "**/site-packages",
    "**/dist-packages",
    "**/lib/python3.*",
    "**/bin/python*",
    "**/pyvenv.cfg",
    "**/.*",
)
"""What Jupyter, Python or a shell runs, or takes for settings, without somebody's asking for just that file."""

SIGNIN_HOSTS = (
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://chatgpt.com/connector/",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "https://goose-docs.ai/oauth/",
    "cursor://anysphere.cursor-mcp/",
)
"""Where clients that people use have a sign-in handed to, beside loopback."""


class MCPProxy(Configurable):
    """The MCP endpoint of a Jupyter server.

    Set in Jupyter's configuration (`c.MCPProxy.warm_start = False`), on its command line
    (`--MCPProxy.warm_start=False`), or in the environment (`JUPYTER_MCP_PROXY_WARM_START=false`),
    in that order of precedence.
    """

    python = Unicode(
        sys.executable,
        help="The Python that runs the sidecar. It needs jupyter-mcp-proxy installed; "
        "use one of its own where another package pins an older mcp.",
    ).tag(config=True)

    unix_socket = Bool(
        False,
        help="Let the sidecar listen on a Unix socket in a private folder instead of a local port.",
    ).tag(config=True)

    warm_start = Bool(True, help="Start the sidecar with the server, so that the first call does not wait for it.").tag(
        config=True
    )

    tier = Enum(
        TIERS,
        "run",
        help="The most that any caller may do: read (look), edit (change documents and files), run (execute).",
    ).tag(config=True)

    ask_before_running = Bool(
        False,
        help="Let the code of agents wait until a person has allowed it in JupyterLab, from the server's start on and "
        "for new clients; the MCP panel switches it.",
    ).tag(config=True)

    wait = Float(
        45.0,
        min=0.0,
        max=280.0,
        help="Seconds that a call waits for an execution, unless the call says otherwise, "
        "before it returns `running` with an id. At most 280: some clients and proxies end a request at 300.",
    ).tag(config=True)

    output_budget = Integer(
        8000,
        min=500,
        help="Characters of output text in one result; the rest is read with read_output.",
    ).tag(config=True)

    max_body_size = Integer(
        16 * 1024 * 1024,
        min=1024,
        help="Bytes that a request to the endpoint may have; a larger one gets 413.",
    ).tag(config=True)

    allowed_paths = List(
        Unicode(),
        ["*"],
        help="Globs of the files, notebooks and folders that agents may see, from the server's root; a folder's has "
        "all that is in it, and * matches slashes too.",
    ).tag(config=True)

    refused_paths = List(
        Unicode(),
        [],
        help="Globs of the files, notebooks and folders that are kept from agents, whatever allowed_paths says.",
    ).tag(config=True)

    read_only_paths = List(
        Unicode(),
        list(RUN_UNASKED),
        help="Globs of the files and folders that agents may read and not write, as Jupyter, Python or a shell would "
        "run them unasked. Notebooks (*.ipynb) are not meant.",
    ).tag(config=True)

    review = Bool(
        False,
        help="Let edits of agents wait until a person has accepted them in the panel, which has a switch for all "
        "and for each client, too.",
    ).tag(config=True)

    audit = Bool(
        True,
        help="Append a line for every tool call to mcp-proxy/audit.jsonl below Jupyter's data directory: who, what, "
        "where, when and how it ended. `jupyter mcp-proxy log` shows it.",
    ).tag(config=True)

    audit_contents = Bool(
        False,
        help="Let the audit's lines hold the contents of arguments too: source code, file content, search texts.",
    ).tag(config=True)

    signin = Bool(
        True,
        help="Let people sign a client in: knowing the endpoint's URL alone it opens a page of this server in their "
        "browser, behind Jupyter's login, where they allow it.",
    ).tag(config=True)

    signin_days = Float(
        30.0,
        min=0.01,
        max=365.0,
        help="The most days that a sign-in lasts, until a person has to allow the client anew.",
    ).tag(config=True)

    signin_minutes = Float(
        60.0,
        min=1.0,
        max=1440.0,
        help="Minutes that an access token of a sign-in lasts; the client gets the next by itself.",
    ).tag(config=True)

    signin_tiers = List(
        Enum(TIERS),
        list(TIERS),
        minlen=1,
        help="What a person may allow by signing in: read, edit, run, as far as they may do it themselves.",
    ).tag(config=True)

    signin_hosts = List(
        Unicode(),
        list(SIGNIN_HOSTS),
        help="Where a sign-in may be handed to, besides programs on the person's own machine (loopback): the "
        "beginnings of URLs (https://host/path, program://authority/), hosts, which are reached by https at any path, "
        "and schemes of programs, which end with a colon. * stands for every host. A client may describe itself at a "
        "host that is among them.",
    ).tag(config=True)

    public_url = Unicode(
        "",
        help="The address of this server as people and clients reach it (https://host/base_url/), where a proxy stands "
        "before it that does not pass on its own name and scheme. Signing in is offered at this address alone then.",
    ).tag(config=True)

    @validate("public_url")
    def _an_address(self, proposal: Any) -> str:
        parts = urlsplit(proposal["value"])
        if proposal["value"] and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
            raise TraitError(f"{proposal['value']!r} is not an address such as https://jupyter.example.org/")
        return str(proposal["value"])

    @validate("allowed_paths", "refused_paths", "read_only_paths")
    def _globs_that_can_fit(self, proposal: Any) -> list[str]:
        """A glob that nothing can fit is an error: a list in one argument, a path that does not begin at the root."""
        for glob in proposal["value"]:
            if {".", ".."} & set(glob.split("/")) or glob.startswith(("~", "\\")) or not glob.strip("/"):
                raise TraitError(f"{glob!r} fits nothing; write it from the server's root, without . and .. in it")
            if glob.startswith("[") and glob.endswith("]") and ("'" in glob or '"' in glob):
                name = proposal["trait"].name
                raise TraitError(f"{glob} is a list, not a glob; give each by itself: --MCPProxy.{name}=one")
        return list(proposal["value"])

    def __init__(self, **kwargs: Any) -> None:
        for name, trait in self.class_traits(config=True).items():
            value = os.environ.get(ENV_PREFIX + name.upper())
            if value is not None:
                self.set_trait_from_string(name, trait, value)
        super().__init__(**kwargs)

    def set_trait_from_string(self, name: str, trait: TraitType[Any, Any], value: str) -> None:
        """Take a setting as the environment spells it; an unusable one names itself."""
        try:
            # A list is given in JSON; traitlets' own reading of one fails where its items have a type.
            setattr(self, name, _list_of(value) if isinstance(trait, List) else trait.from_string(value))
        except Exception as error:
            raise ValueError(f"{ENV_PREFIX}{name.upper()}={value!r}: {error}") from error

    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for the sidecar."""
        values = {name: getattr(self, name) for name in self.trait_names(config=True)}
        return {
            ENV_PREFIX + name.upper(): json.dumps(value) if isinstance(value, list) else str(value)
            for name, value in values.items()
        }


def _list_of(text: str) -> Any:
    """A list as the environment spells it."""
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError('not a JSON list, such as ["private", "*.pem"]') from None
