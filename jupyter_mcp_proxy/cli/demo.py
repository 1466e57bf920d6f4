"""`jupyter mcp-proxy demo`: the command line of the demonstration in `jupyter_mcp_proxy/demo`."""

from __future__ import annotations

import argparse

from ..store.sidecars import has_own
from .output import remark

DESCRIPTION = """\
Start a temporary JupyterLab with a small notebook, connect an MCP client to it through the proxy,
and show each step with its time: list the tools, open the notebook, insert and run a cell that
plots, check that the file has it, run code. Then the server stays up, for you to look at and to
connect your own agent to, until Ctrl-C.

Nothing of yours is read or changed: configuration, data and notebooks are in a temporary folder,
which goes away with the server. Needs pip install "jupyter-mcp-proxy[demo]"."""

EXAMPLES = """\
examples:
  jupyter mcp-proxy demo             look at it; Ctrl-C ends it
  jupyter mcp-proxy demo --exit      check an installation: ends with 0 if every step worked

exit codes: 0 every step worked (and Ctrl-C afterwards), 1 a step failed or something is missing,
130 Ctrl-C during the steps."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    command.add_argument("--exit", action="store_true", help="end after the steps instead of staying up")
    command.add_argument(
        "--port", type=port_number, default=0, metavar="N", help="port of JupyterLab (default: a free one)"
    )
    command.add_argument("--keep", action="store_true", help="keep the temporary folder, with the server's log")


def port_number(text: str) -> int:
    """A TCP port from the command line."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not a port: 1 to 65535, or 0 for a free one")
    return number


def run(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    if not has_own():
        remark('The demo needs an environment with the whole of it:\n\n    pip install "jupyter-mcp-proxy[demo]"\n')
        return 1
    from ..demo import run
    from ..demo.lab import REQUIRED, missing

    absent = missing(REQUIRED)
    if absent:
        remark(
            f'The demo needs {", ".join(absent)}, not installed here:\n\n    pip install "jupyter-mcp-proxy[demo]"\n'
        )
        return 1
    return run(end=options.exit, port=options.port, keep=options.keep)
