"""Looks at a server, step by step. What its answers mean is for `connection.py` and `signing.py`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final

from ...store.tokens import PREFIX
from ..servers import Server
from . import connection, rounds, signing
from .asking import Answer, Asker
from .findings import CODES, Finding, skipped

STEPS: Final = tuple(step for step, code in CODES.items() if code >= CODES["server"])


class Serving:
    """A server that is looked at."""

    def __init__(
        self,
        server: Server,
        tell: Callable[[Finding], Finding],
        *,
        needs: str,
        here: bool,
        mine: str | None,
        kernel: bool,
    ) -> None:
        self.server = server
        self.asker = Asker(server)
        self._tell = tell
        self._told: set[str] = set()
        self.needs, self.here, self.mine, self.kernel = needs, here, mine, kernel
        self.tier = ""
        self.buffered = False
        """Whether the plain entry point serves."""
        self.ordinary: list[Answer] = []
        """Answers that came as they should; their headers may name what stands between."""

    def tell(self, finding: Finding) -> Finding:
        """Tell of a step, once."""
        self._told.add(finding.step)
        return self._tell(finding)

    def look(self) -> None:
        """Every step, as far as those before it permit."""
        reason = self._look()
        for step in STEPS:
            if step not in self._told:
                self.tell(skipped(step, reason))

    def _look(self) -> str:
        """Why the steps that are not told of were not taken."""
        first = rounds.modern(self.asker, "server/discover", {})
        self.ordinary.append(first)
        looked = self.asker.get("healthz") if signing.is_refused_by_hub(first) else Answer()
        if first.status == 404 and "jsonrpc" not in first.object:
            looked = self.asker.get(f"{self.server.url}api")  # each Jupyter server has that, for everybody
        if self.tell(signing.stopped(self.server, looked) or connection.server(self.server, first)).state == "failed":
            return "the server does not serve"
        self.hub()
        if first.status in (401, 403):
            self.tell(connection.token(self.server, first, "", self.needs, asked_for=True))
            self.sign_in()
            return "the server takes no request without a token that it knows"
        health = None if self.server.token.startswith(PREFIX) else self.asker.get("healthz")
        self.token(first, health)
        self.buffered = health is not None and health.object.get("relay") != "streaming"
        version = str((first.result.get("serverInfo") or _info_of(first)).get("version") or "")
        self.tell(connection.relay(health, version, self.mine))
        trips = [trip(self.asker) for trip in (rounds.old, rounds.new)]
        self.ordinary += [answer for trip in trips for _, answer in trip.answers]
        works = [self.tell(connection.round_trip(trip)).state != "failed" for trip in trips]
        self.stream()
        self.sign_in()
        if not works[1]:
            return "a round trip comes first"
        if not self.kernel:
            return "left out, as asked"
        if self.tier not in ("", "run"):
            return f"this connection may {self.tier!r} only"
        self.run_code()
        return "no kernel runs"

    def hub(self) -> None:
        """Whose token it is on a JupyterHub. A scoped token is nobody's business but the endpoint's."""
        url = signing.hub_api(self.server)
        api = os.environ.get("JUPYTERHUB_API_URL", "")
        if not url:
            self.tell(skipped("hub", "this is no address on a JupyterHub"))
        elif self.here and api:
            self.tell(self.hub_from_inside(api))
        elif not self.server.token:
            self.tell(skipped("hub", "no token was given"))
        elif self.server.token.startswith(PREFIX):
            self.tell(skipped("hub", "the Hub knows no scoped token, and needs none"))
        else:
            token = {"Authorization": f"token {self.server.token}"}  # the Hub is at the same origin
            self.tell(signing.hub(self.server, self.asker.get(url, token=False, headers=token)))

    def hub_from_inside(self, api: str) -> Finding:
        """What the Hub says to the server that the doctor runs in, asked as that server asks it: by no proxy."""
        if os.environ.get("JUPYTERHUB_SSL_CLIENT_CA"):
            return skipped("hub", "the Hub and its servers have certificates of their own (internal_ssl)")
        hub = Server(f"{api.rstrip('/')}/", "", "")
        token = {"Authorization": f"token {os.environ.get('JUPYTERHUB_API_TOKEN', '')}"}
        answer = Asker(hub, direct=True).get(f"{hub.url}user", token=False, headers=token)
        public = os.environ.get("JUPYTERHUB_PUBLIC_URL", "")
        return signing.inside(api, answer, public, os.environ.get("JUPYTERHUB_SERVICE_PREFIX", ""))

    def token(self, first: Answer, health: Answer | None) -> None:
        """What the connection may, by what it is refused in a notebook that is not there."""
        absent = f"mcp-proxy-doctor-{secrets.token_hex(4)}.ipynb"
        editing, running = (
            rounds.call(self.asker, tool, notebook=absent) for tool in (connection.EDITING, connection.PROBE)
        )
        self.tier = connection.tier_of(editing, running)
        asked_for = health is None or health.object.get("authentication") is not False
        self.tell(connection.token(self.server, first, self.tier, self.needs, asked_for=asked_for))

    def stream(self) -> None:
        """Whether streams stream."""
        slowest = max(answer.seconds for answer in self.ordinary)
        opened = Answer() if self.buffered else rounds.listen(self.asker, slowest)
        self.tell(connection.streaming(opened, self.ordinary, buffered_by_us=self.buffered, here=self.here))

    def sign_in(self) -> None:
        """What a client reads that has the URL alone, and the time that comes with it."""
        before = datetime.now(timezone.utc)
        challenged = rounds.modern(self.asker, "server/discover", {}, token=False)
        after = datetime.now(timezone.utc)
        where = signing.metadata_url(challenged)
        resource = self.asker.get(where, token=False) if where else Answer()
        issuer = signing.issuer_of(resource)
        issued = [self.asker.get(url, token=False) for url in signing.places(issuer)] if issuer else []
        self.tell(signing.chain(self.server, challenged, resource, issued, here=self.here))
        self.tell(connection.clocks(connection.Moments(challenged.headers.get("date", ""), before, after)))

    def run_code(self) -> None:
        """A line of code in a notebook of the doctor's own."""
        with rounds.notebook(self.asker) as (name, made):
            ran = listed = Answer()
            if made.result and not made.result.get("isError"):
                progress = secrets.token_hex(4)
                ran = rounds.call(self.asker, "execute_ipython", progress, notebook=name, code=rounds.CODE, wait=100)
                listed = rounds.call(self.asker, "list_kernels")
            self.tell(connection.kernel(made, ran, self.ordinary, here=self.here))
            if listed.result:
                self.tell(connection.transport(listed, name))


def _info_of(first: Answer) -> dict[str, object]:
    meta = first.result.get("_meta") or {}
    found = meta.get("io.modelcontextprotocol/serverInfo")
    return found if isinstance(found, dict) else {}
