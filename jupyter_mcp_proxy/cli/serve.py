"""`jupyter mcp-proxy serve`: the MCP server beside a Jupyter server on which nothing is installed."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..contract import ENV_PREFIX, EXIT_ADDRESS_TAKEN, TIERS, module_command
from ..store.sidecars import has_own
from .demo import port_number
from .given import server_of, token_of
from .output import PROGRAM, remark

DESCRIPTION = """\
Serve MCP beside a Jupyter server, or a JupyterHub user's, that is reached by its URL: for images, CI and
hubs where nothing can be installed. Where jupyter-mcp-proxy can be installed into the Jupyter server
itself, do that instead: it has Jupyter's own login, the panel and the page, and needs no second process.

The server's token is taken from a file or the environment, never from the command line. Whoever connects
needs a token of this endpoint's own, which is made at the start, or by --stdio nothing at all.
Every setting of `jupyter mcp-proxy config` holds here, by its environment variable."""

EXAMPLES = """\
examples:
  JUPYTER_TOKEN=… jupyter mcp-proxy serve --jupyter-url http://127.0.0.1:8888/
  jupyter mcp-proxy serve --jupyter-url https://hub.example.org/user/ada/ --jupyter-token-file token.txt
  jupyter mcp-proxy serve --jupyter-url http://jupyter:8888/ --host 0.0.0.0 --port 4040 --token-file /run/secrets/mcp
  jupyter mcp-proxy serve --jupyter-url http://127.0.0.1:8888/ --stdio      for a client that starts local programs

In place of the options the environment is read as jupyter-mcp-server has it: JUPYTER_URL and JUPYTER_TOKEN, or
DOCUMENT_URL and DOCUMENT_TOKEN (RUNTIME_URL and RUNTIME_TOKEN where they are the same server's), DOCUMENT_ID for the
notebook that is meant, ALLOW_IMG_OUTPUT=false for no images.

exit codes: 0 ended as asked, 1 the Jupyter server cannot be used (the reason is on stderr), 2 wrong usage."""

URLS = ("JUPYTER_URL", "DOCUMENT_URL", "RUNTIME_URL")
TOKENS = ("JUPYTER_TOKEN", "DOCUMENT_TOKEN", "RUNTIME_TOKEN", "JUPYTERHUB_API_TOKEN")
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
ANSWER_TIMEOUT = 30.0
"""Seconds for an answer of the Jupyter server, and for the start of our own."""


class Unusable(ValueError):
    """The Jupyter server, or an option, cannot be used; the text says why, with the cure."""


def declare(command: argparse.ArgumentParser) -> None:
    """The options."""
    add = command.add_argument
    add("--jupyter-url", metavar="URL", help="the Jupyter server, with its base URL (default: $JUPYTER_URL)")
    add("--jupyter-token-file", metavar="FILE", type=Path, help="the file with its token (default: $JUPYTER_TOKEN)")
    add("--certificate", metavar="FILE", type=Path, help="the one certificate to trust, where it is self-signed")
    add("--stdio", action="store_true", help="serve one client by standard input and output instead of HTTP")
    add("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    add("--port", type=port_number, default=0, metavar="N", help="the port (default: a free one)")
    add("--token-file", metavar="FILE", type=Path, help="where the endpoint's own token is, or will be written")
    add("--tier", choices=TIERS, help="the most that a client may do (default: run)")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, a signal, or with --stdio the end of the input."""
    if not has_own():
        remark("Serving beside another server needs the whole of it, in an environment of its own: jupyter-mcp-proxy.")
        return 1
    try:
        url = jupyter_url(options.jupyter_url, os.environ)
        token = token_of(options.jupyter_token_file, *TOKENS)
        fault = judge(*_status(url, token, options.certificate))
        if fault:
            raise Unusable(f"{url}: {fault}")
        environment = _settings(options, os.environ) | {
            ENV_PREFIX + "SERVER_URL": url,
            ENV_PREFIX + "SERVER_TOKEN": token,
            ENV_PREFIX + "ROOT_DIR": url,  # tells snapshots of several servers apart; no folder of this machine
        }
        if options.stdio:
            return _run(["--stdio"], environment)
        return _serve(options, environment)
    except ValueError as error:
        remark(str(error))
        return 1


# -- what was asked for, pure ---------------------------------------------------------------------------


def jupyter_url(given: str | None, environment: Mapping[str, str]) -> str:
    """The Jupyter server's URL, ending with a slash. Raises ValueError where none, or more than one, is named."""
    asked = [given] if given else [environment[name] for name in URLS if environment.get(name)]
    if not asked:
        raise ValueError("Name the Jupyter server by --jupyter-url http://… or $JUPYTER_URL.")
    named = dict.fromkeys(server_of(each, "$JUPYTER_TOKEN") for each in asked)
    if len(named) > 1:
        raise ValueError(f"Documents and kernels on two servers cannot be served: {' and '.join(named)}. Name one.")
    return next(iter(named))


def judge(status: int, body: bytes) -> str:
    """What an answer of `/api/status` says is wrong, with the cure; nothing where the server can be used."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    if status == 200 and isinstance(answer, dict) and "kernels" in answer:
        return ""
    if status in (301, 302, 303, 307, 308, 401, 403):
        return (
            f"it does not take the token ({status}). Give the server's own by $JUPYTER_TOKEN or --jupyter-token-file, "
            "or on a JupyterHub to one of the Hub's Token page with access to this server."
        )
    if status in (424, 503):
        return f"it is not running ({status}). Start it, on a JupyterHub at its Home page, and run this again."
    return (
        f"no Jupyter server is at this URL (it answers {status}). It needs the base URL: the part before /lab or /tree."
    )


def _settings(options: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings, as the environment has them and the options say."""
    from jupyter_core.paths import jupyter_runtime_dir

    from ..config import MCPProxy

    given = MCPProxy(**({"tier": options.tier} if options.tier else {})).environment()
    runtime = Path(jupyter_runtime_dir())
    runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    return given | {
        ENV_PREFIX + "SIGNIN": "False",
        ENV_PREFIX + "SECRET": secrets.token_hex(32),
        ENV_PREFIX + "RUN_ID": secrets.token_hex(8),
        ENV_PREFIX + "PARENT_PID": str(os.getpid()),
        ENV_PREFIX + "RUNTIME_DIR": str(runtime),
        ENV_PREFIX + "SERVER_CERTIFICATE": str(options.certificate or ""),
        ENV_PREFIX + "NOTEBOOK": environment.get("DOCUMENT_ID", ""),
        ENV_PREFIX + "IMAGES": str(environment.get("ALLOW_IMG_OUTPUT", "true").strip().lower() != "false"),
    }


# -- doing it -------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace, environment: dict[str, str]) -> int:
    port = _usable_port(options.host, options.port)
    with _token(options.token_file, environment[ENV_PREFIX + "RUNTIME_DIR"], port) as (file, token):
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host)  # noqa: S104 - only shown
        endpoint = f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp"
        remark(
            f"MCP for {environment[ENV_PREFIX + 'SERVER_URL']} at {endpoint}\n"
            f"Its token is in {file}. Claude Code, for one, connects with\n"
            f'  claude mcp add --transport http jupyter {endpoint} --header "Authorization: Bearer $(cat {file})"\n'
            "Ctrl-C ends it."
        )
        return _run(["--host", options.host, "--port", str(port)], environment | {ENV_PREFIX + "ENDPOINT_TOKEN": token})


def _run(arguments: list[str], environment: dict[str, str]) -> int:
    """Run the sidecar as a child that ends with us, and until it ends."""
    for name in TOKENS:  # nothing that is started from there inherits them
        environment.setdefault(name, "")
    command = [*module_command(sys.executable, "jupyter_mcp_proxy.sidecar.__main__"), *arguments]
    with subprocess.Popen(command, env=os.environ | environment) as child:  # noqa: S603 - our own module
        ended = False

        def end(*_: object) -> None:
            nonlocal ended
            ended = True
            child.terminate()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        code = child.wait()
    if code == EXIT_ADDRESS_TAKEN:
        raise Unusable(f"Somebody else listens at that port. Leave --port out of `{PROGRAM} serve` for a free one.")
    return 0 if ended else code


def _usable_port(host: str, wanted: int) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            where = f"{host} port {wanted}" if wanted else host
            raise Unusable(f"{where} is not to be had ({error.strerror}). Leave out --port for a free one.") from error
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _token(file: Path | None, runtime: str, port: int) -> Iterator[tuple[Path, str]]:
    """The endpoint's token and its file: the one that was named, or one that goes away with the endpoint."""
    if file is not None and file.exists():
        yield file, token_of(file)
        return
    made = file or Path(runtime, f"mcp-proxy-serve-{port}-{os.getpid()}.token")
    token = secrets.token_urlsafe(32)
    try:
        if file is None:
            made.unlink(missing_ok=True)  # of a process that had this number before
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Unusable(f"{made} cannot be written ({error.strerror}).") from error
    with os.fdopen(descriptor, "w") as written:
        written.write(token + "\n")
    try:
        yield made, token
    finally:
        if file is None:
            made.unlink(missing_ok=True)


def _status(url: str, token: str, certificate: Path | None) -> tuple[int, bytes]:
    """The status and body of the server's own state. Raises Unusable where it does not answer."""
    import httpx

    try:
        with httpx.Client(trust_env=False, verify=_trusted(url, certificate), timeout=ANSWER_TIMEOUT) as client:
            response = client.get(f"{url}api/status", headers={"Authorization": f"token {token}"} if token else {})
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        cure = "Start it, or name it as this machine reaches it"
        if "CERTIFICATE" in str(error).upper():
            cure = "Where it is the server's own, name its file by --certificate"
        raise Unusable(f"{url} does not answer ({error}). {cure}.") from error
    return response.status_code, response.content


def _trusted(url: str, certificate: Path | None) -> Any:
    """What to trust: the server's own certificate, whatever its name; not whatever an authority has signed."""
    import ssl

    parts = urlsplit(url)
    if certificate is None or parts.scheme != "https":
        return True
    text = certificate.read_text(encoding="utf-8", errors="replace")
    own = text[text.find(BEGIN) : text.find(END) + len(END)]
    if text.count(BEGIN) != 1 or not own.startswith(BEGIN):
        raise Unusable(f"{certificate} does not hold one certificate (PEM). It is the server's own that is meant.")
    shown = ssl.get_server_certificate((parts.hostname or "", parts.port or 443), timeout=ANSWER_TIMEOUT)
    if ssl.PEM_cert_to_DER_cert(shown) != ssl.PEM_cert_to_DER_cert(own):
        raise Unusable(f"{url} has another certificate than {certificate}: name its own, not an authority's.")
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False  # the certificate itself is what we know
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
