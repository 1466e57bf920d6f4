"""What a server's answers mean, and what helps. Pure: answers in, findings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ...contract import ENABLE, TIERS
from ...errors import NotAllowed
from ..output import PROGRAM
from ..servers import Server, without_endpoint
from .asking import Answer
from .findings import Finding, failed, note, ok, skipped
from .rounds import ACKNOWLEDGED, MARK, NEW, RUN_SECONDS, Round, text

PROBE: Final = "interrupt_kernel"
"""A tool of the tier `run`, called for a notebook that is not there: who may run is told that."""
EDITING: Final = "clear_outputs"
"""The same of the tier `edit`."""
NEW_TOKEN: Final = f"{PROGRAM} token new --name my-agent"
SKEW: Final = 5.0
WRONG_SKEW: Final = 300.0

BETWEEN: Final = (
    ("nginx", "nginx", "proxy_buffering off;  in its `location`, and no `proxy_ignore_headers X-Accel-Buffering`"),
    ("openresty", "nginx", "proxy_buffering off;  in its `location`, and no `proxy_ignore_headers X-Accel-Buffering`"),
    ("apache", "Apache", "ProxyPass … flushpackets=on"),
    ("caddy", "Caddy", "flush_interval -1  in its `reverse_proxy`"),
    ("haproxy", "HAProxy", "no `option http-buffer-request`, and no compression of text/event-stream"),
    ("envoy", "Envoy", "take the buffer filter out for this path"),
    ("traefik", "Traefik", "take the `buffering` middleware out for this path"),
    ("varnish", "Varnish", "set beresp.do_stream = true;  or pass this path"),
    ("squid", "Squid", "let this host past the proxy (the environment variable NO_PROXY)"),
    ("cloudflare", "Cloudflare", "no caching and no buffering rule for this path; a tunnel passes streams on"),
    ("cloudfront", "CloudFront", "the policy CachingDisabled for this path"),
)
"""What stands between, as it names itself, with the setting that has it pass a stream on."""
NAMING: Final = ("via", "server", "x-served-by", "x-cache", "x-proxy", "x-powered-by")


def server(server: Server, first: Answer) -> Finding:
    """Whether it answers at the endpoint at all, whatever it says."""
    if first.status == 0:
        certificate = "CERTIFICATE_VERIFY_FAILED" in first.error
        cure = (
            "Have this machine trust its certificate: SSL_CERT_FILE=<file> for Python, NODE_EXTRA_CA_CERTS=<file> for "
            "Claude Code."
            if certificate
            else "Start it (`jupyter lab`), or correct the address or the proxy that stands before it."
        )
        return failed("server", f"{server.url} does not answer: {first.error}", cure)
    if first.status in (301, 302, 303, 307, 308):
        return failed(
            "server",
            f"{server.endpoint} leads elsewhere ({first.status} to {first.headers.get('location', 'nowhere')}), as a "
            "login page or a stopped JupyterHub server does.",
            "Start the server on the Hub's page, and use the URL on the page of its tile, with a token.",
        )
    ours = "jsonrpc" in first.object or bool(first.events)
    if not ours and first.status in (401, 403):
        return ok("server", f"{server.url} answers, and asks who is there")
    if not ours or (first.status >= 500 and not first.refusal):
        return failed("server", f"{server.url}: {without_endpoint(first.status)}".partition("\n")[0], _endpoint(first))
    if first.status >= 500:
        return failed(
            "server",
            f"{server.url} answers {first.status}: {first.refusal}",
            "The server's log says why its sidecar is not there; the steps above show the same without it. Correct "
            "that and restart the server.",
        )
    return ok("server", f"{server.url} answers after {first.seconds * 1000:.0f} ms")


def _endpoint(first: Answer) -> str:
    if first.status >= 500:
        return f"Look at the log of the server, and of {between([first]) or 'what stands before it'}; restart it."
    return (
        "In that server's environment: python -m pip install jupyter-mcp-proxy, then restart the server.\n"
        f"Where it is installed already: {ENABLE}, then restart."
    )


def token(server: Server, first: Answer, tier: str, needs: str, *, asked_for: bool) -> Finding:
    """Whether it takes the token, and what that permits. `asked_for`: whether the server wants one at all."""
    if first.status in (401, 403):
        without = "No token was given, and the server asks for one." if not server.token else ""
        return failed(
            "token",
            without
            or f"The server does not take this token ({first.status}): {first.refusal or 'it does not say why'}",
            f"{NEW_TOKEN}\nWhere the server runs; or `{PROGRAM} connect` for its own. On a JupyterHub also its Token "
            "page. `doctor --url` takes it from JUPYTER_MCP_PROXY_TOKEN or --token-file.",
        )
    if not tier:
        return note(
            "token", "The token is taken. What it permits, this server does not say in words that are known here."
        )
    if TIERS.index(tier) < TIERS.index(needs):
        return failed(
            "token",
            f"This connection may {tier!r}, and {needs!r} is needed: the token's own tier, MCPProxy.tier or Jupyter's "
            "authorizer permits no more.",
            f"{NEW_TOKEN} --tier {needs}\nand MCPProxy.tier at least as high on the server; or, where it is meant so: "
            f"{PROGRAM} doctor --needs {tier}",
        )
    if not asked_for:
        return note(
            "token",
            "The server asks for no token: whoever reaches it can do everything.",
            "Start it with a token or a password (that is Jupyter's default), unless only you reach it.",
        )
    return ok("token", f"taken; it may {tier!r}")


def tier_of(editing: Answer, running: Answer) -> str:
    """What a connection may, by how it was refused what it asked for; nothing where that cannot be told."""
    for tier in TIERS[:2]:
        if _is_refused(text(running), NotAllowed(PROBE, "run", tier)):
            return tier
        if _is_refused(text(editing), NotAllowed(EDITING, "edit", tier)):
            return tier
    return "run" if running.result else ""


def relay(health: Answer | None, version: str, mine: str | None) -> Finding:
    """Whether the streaming relay serves. `version` is the server's, `mine` the installed one where that is its own."""
    said = health.object if health is not None else {"relay": "streaming"}  # a scoped token is taken by no other
    if said.get("relay") != "streaming":
        return failed(
            "relay",
            f"The plain entry point serves (it says {said.get('relay')!r}): calls are cut at 300 seconds, and nothing "
            "is streamed." if said.get("relay") else f"healthz answers {health.status if health else 0}.",
            f"{ENABLE}\nThen restart the server; its log says why an extension that is enabled was not loaded.",
        )  # fmt: skip
    if mine is not None and version and version != mine:
        return failed(
            "relay",
            f"The server runs jupyter-mcp-proxy {version}, and {mine} is installed here.",
            "Restart the server; where it has another environment, run the doctor there.",
        )
    return ok("relay", f"streaming, version {version or 'unknown'}")


def round_trip(told: Round) -> Finding:
    """Whether a client of this era gets through."""
    step = f"round trip {told.era}"
    if told.failure is not None:
        asked, answer = told.failure
        why = answer.error or answer.refusal or f"status {answer.status} and nothing to read"
        return failed(
            step,
            f"{asked} is not answered: {why}",
            "Something between changes what passes, or the server is another version. Ask without it, on the server's "
            f"own machine: {PROGRAM} doctor. It has to pass POST, DELETE and the headers Mcp-* and MCP-*.",
        )
    times = ", ".join(f"{asked} {answer.seconds * 1000:.0f} ms" for asked, answer in told.answers)
    return ok(step, f"{len(told.tools)} tools; {times}")


def streaming(opened: Answer, ordinary: Sequence[Answer], *, buffered_by_us: bool, here: bool) -> Finding:
    """Whether an event arrives while its stream is open, where ordinary requests are answered."""
    first = next((seconds for seconds, event in opened.events if event.get("method") == ACKNOWLEDGED), None)
    if first is not None:
        return ok("streaming", f"an event is there after {first * 1000:.0f} ms, while its stream stays open")
    if buffered_by_us:
        return failed("streaming", "The plain entry point holds each reply back until it is whole.", ENABLE)
    if opened.refusal:
        return note("streaming", f"subscriptions/listen is refused, so it could not be looked at: {opened.refusal}")
    return buffers("streaming", f"Nothing of an open stream arrives within {opened.seconds:.0f} s", ordinary, here=here)


def buffers(step: str, seen: str, ordinary: Sequence[Answer], *, here: bool) -> Finding:
    """A stream is held back; by whom, as far as that can be told."""
    name = between(ordinary)
    ways = [f"{known}: {cure}" for mark, known, cure in BETWEEN if mark in name.lower()]
    who = name or ("something on this machine" if here else "a proxy that does not name itself")
    return failed(
        step,
        f"{seen}, though ordinary requests are answered: what stands between holds streams back ({who}). Progress "
        "comes late then, a call of minutes may be cut, and cancelling reaches nobody.",
        (ways[0] if ways else "Switch response buffering off there for …/mcp-proxy/ (nginx: proxy_buffering off;)")
        + "\nOn the server's own machine the doctor shows whether it streams without it.",
    )


def between(answers: Sequence[Answer]) -> str:
    """What stands between, as it names itself in the headers of answers; nothing for Jupyter's own server."""
    found: dict[str, None] = {}
    for answer in answers:
        for header in NAMING:
            value = answer.headers.get(header, "")
            if value and not value.startswith(("TornadoServer", "uvicorn")):
                found[f"{header}: {value}"] = None
        found |= {"cf-ray: cloudflare": None} if "cf-ray" in answer.headers else {}
    return ", ".join(found)


@dataclass(frozen=True)
class Moments:
    """When the server was asked for the time, and what it said."""

    said: str
    before: datetime
    after: datetime


def clocks(moments: Moments) -> Finding:
    """Whether the server's clock and this machine's agree. HTTP tells whole seconds."""
    try:
        theirs = parsedate_to_datetime(moments.said)
    except (TypeError, ValueError):
        return skipped("clocks", "the server does not say what time it is")
    ahead = (theirs - moments.after).total_seconds()
    behind = (moments.before - theirs).total_seconds() - 1
    off = max(ahead, behind, 0.0)
    said = f"The server's clock is {off:.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    cure = "Have both keep time with NTP (`timedatectl set-ntp true`); a virtual machine that slept needs it most."
    if off > WRONG_SKEW:
        return failed(
            "clocks",
            f"{said}: certificates, the end of tokens and sign-ins, and the audit's times are off by that.",
            cure,
        )
    if off > SKEW:
        return note("clocks", f"{said}: the ends of tokens and the audit's times are off by that.", cure)
    return ok("clocks", "the same, to a second" if off < 1 else f"{off:.0f} s apart")


def kernel(made: Answer, ran: Answer, ordinary: Sequence[Answer], *, here: bool) -> Finding:
    """Whether a line of code runs, and its progress arrives while it does."""
    refused = next((a for a in (made, ran) if not a.result or a.result.get("isError")), None)
    if refused is not None:
        said = text(refused) or refused.refusal or refused.error or f"status {refused.status}"
        return failed(
            "kernel",
            f"{'A notebook cannot be made' if refused is made else 'Code does not run'}: {said}",
            "The server's log says more. `python -m pip install ipykernel` in its environment where no kernel is "
            f"there; `{PROGRAM} doctor --no-kernel` leaves this out.",
        )
    if MARK not in text(ran):
        return failed(
            "kernel",
            f"The code that was run does not end as it should; it says: {text(ran)[-200:]}",
            "Open a notebook in JupyterLab and run a cell: what is wrong there has to be right first.",
        )
    times = [seconds for seconds, event in ran.events if event.get("method") == "notifications/progress"]
    spread = times[-1] - times[0] if len(times) > 1 else 0.0
    if spread < RUN_SECONDS / 4:
        return buffers(
            "kernel", f"Code runs, but all of its progress arrives within {spread:.1f} s", ordinary, here=here
        )
    return ok("kernel", f"code runs; {len(times)} reports of its progress over {spread:.1f} s, as it ran")


def transport(listed: Answer, name: str) -> Finding:
    """Which way a kernel's outputs come."""
    line = next((line.split("  ") for line in text(listed).splitlines() if name in line), [])
    way = line[-1] if line else ""
    if way == "ports":
        return ok("transport", "the kernel's own ports: output at any rate arrives whole")
    if way == "websocket":
        return note(
            "transport",
            "Jupyter's websocket: what goes beyond its limit (1 MB/s over 3 s) is lost, as its log alone says.",
            "Where the kernel runs on the server's machine, let both have one runtime directory (JUPYTER_RUNTIME_DIR). "
            "Behind a gateway: raise c.ZMQChannelsWebsocketConnection.iopub_data_rate_limit.",
        )
    return skipped("transport", f"the server does not say ({NEW})")


def _is_refused(said: str, refusal: NotAllowed) -> bool:
    """Whether a call was refused so, whatever narrows the tier."""
    return said.startswith(str(refusal).partition(". ")[0])
