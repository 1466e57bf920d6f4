"""The page on which a person allows a client in, behind Jupyter's own login."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from ...language import wanted
from ...store.token_errors import TokensUnreadable
from .. import auth, policy
from . import flow, redirects
from .clients import Invalid
from .desk import Desk
from .scopes import highest_asked

LARGEST_BODY = 20_000
DAYS = (1.0, 7.0, 30.0, 90.0, 365.0)
PARAMETERS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
    "resource",
)  # fmt: skip
WORDS = {
    "read": ("look", "See your notebooks, files, outputs and variables."),
    "edit": ("edit", "See them, and change your notebooks and files."),
    "run": ("run", "See and change them, and run code, which can do anything that you can."),
}
"""What a tier is called here, and what it means to who works with data."""

ALLOWED, DENIED, NOT_POSSIBLE = TITLES = ("Allowed", "Denied", "Not possible")
"""What a page is called that comes after an answer."""

_FOLDER = Path(__file__).parent
_COMMON = _FOLDER.parents[1] / "common.css"


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined)


class StyleHandler(web.RequestHandler):
    """The page's style."""

    def initialize(self, desk: Desk) -> None:
        """Called by tornado with what the extension registered."""
        self._desk = desk

    def get(self) -> None:
        """The style; nothing of a person's is in it."""
        if not self._desk.is_open:
            raise web.HTTPError(404)
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(_COMMON.read_bytes() + (_FOLDER / "static" / "consent.css").read_bytes())


class AuthorizeHandler(auth.LogsNoQuery, JupyterHandler):  # type: ignore[misc]
    """A client's request to be let in: GET shows it to a person, POST is their answer."""

    SUPPORTED_METHODS = ("GET", "POST")

    def initialize(self, desk: Desk) -> None:
        """Called by tornado with what the extension registered."""
        self._desk = desk
        self._form_action = ""
        self._for_a_site = False
        self._has_form = True

    def check_origin(self, origin_to_satisfy_tornado: str = "") -> bool:
        """Our own page is at the public address, which Jupyter does not know where a proxy keeps it from us."""
        if self.request.headers.get("Origin") == self._address.origin:
            return True
        return bool(super().check_origin(origin_to_satisfy_tornado))

    async def prepare(self) -> None:
        """Jupyter's own login and XSRF check, for people from this server's pages only."""
        if not self._desk.is_open:
            raise web.HTTPError(404)
        asked = auth.asked_by(self.request)
        try:
            self._address = self._desk.address(self.request)
            if asked.headers.get("Origin") != self._address.origin:  # behind a proxy it may not be the host's
                policy.check_origin(asked)
            policy.check_no_agent(asked)
        except policy.Refused as refused:
            raise web.HTTPError(refused.status, str(refused)) from refused
        if len(self.request.body) > LARGEST_BODY:
            raise web.HTTPError(413)
        await super().prepare()

    @web.authenticated
    async def get(self) -> None:
        """Who asks, and for what."""
        parameters = self._parameters(self.request.query_arguments)
        asked = await self._asked(parameters)
        tiers = await self._tiers()
        last_tier, last_days = await self._last_choice(asked) or (tiers[-1], self._days()[-1])
        wanted = policy.lower_tier(policy.lower_tier(highest_asked(asked.scope), last_tier), tiers[-1])
        chosen = wanted if wanted in tiers else tiers[0]
        self._page(
            "consent.html", client=asked.client, redirect=asked.redirect, host=redirects.shown_host(asked.redirect),
            tiers=[(tier, *WORDS[tier]) for tier in tiers], chosen=chosen, days=self._days(),
            chosen_days=last_days if last_days in self._days() else self._days()[-1], user=self._user(),
            server=self._address.origin + self._address.base_url, folder=self._desk.place.root_dir,
            parameters={name: parameters[name] for name in PARAMETERS if name in parameters},
            xsrf=self.xsrf_token.decode("ascii"),
            style=self._style,
        )  # fmt: skip

    @web.authenticated
    async def post(self) -> None:
        """What the person has answered."""
        if not self.token_authenticated:
            self.check_xsrf_cookie()
        given = self._parameters(self.request.body_arguments)
        asked = await self._asked(given)
        if given.get("answer") != "allow":
            self._back(asked.redirect, DENIED, error="access_denied", state=asked.state)
            return
        tier, tiers = given.get("tier", ""), await self._tiers()
        days = next((days for days in self._days() if _number(days) == given.get("days")), None)
        if tier not in tiers or days is None:
            self._tell(400, "Choose one of those that are offered.")
        code = self._desk.allow(asked, tier, days, self._user())
        self._back(asked.redirect, ALLOWED, client=asked.client.name, tier=tier, code=code, state=asked.state)

    # -- what is asked --------------------------------------------------------------------------------

    def _parameters(self, arguments: dict[str, list[bytes]]) -> dict[str, str]:
        """Each parameter once."""
        names = (*PARAMETERS, "answer", "tier", "days")
        if any(len(arguments.get(name, [])) > 1 for name in names):
            self._tell(400, "A parameter is there twice.")
        try:
            return {name: arguments[name][0].decode("utf-8") for name in names if name in arguments}
        except UnicodeDecodeError:
            self._tell(400, "A parameter is not text.")

    async def _asked(self, parameters: dict[str, str]) -> flow.Asked:
        """What is asked for, if it may be shown. Else the person is told, or the client where only it can be helped."""
        try:
            client = await self._desk.client(parameters.get("client_id", ""))
            redirect = flow.redirect_of(client, parameters)
        except Invalid as error:
            self._tell(400, str(error))
        except TokensUnreadable as error:
            self.log.error("mcp-proxy: %s", error)
            self._tell(500, "This server cannot read its list of tokens; its log says why.")
        if redirects.origin(redirect) == self._address.origin:
            self._tell(400, "The client asks for an answer at this server itself.")
        self._goes_to(redirect)
        try:
            return flow.checked(client, redirect, parameters, self._address.endpoint)
        except Invalid as error:
            if not redirects.stays_open(redirect):  # nobody is sent elsewhere without having been asked
                self._tell(400, str(error))
            self._back(
                redirect,
                NOT_POSSIBLE,
                error=error.code,
                error_description=str(error),
                state=parameters.get("state", ""),
                by_itself=False,
            )
            raise web.Finish from error

    async def _last_choice(self, asked: flow.Asked) -> tuple[str, float] | None:
        try:
            return await self._desk.last_choice(asked.client, self._user())
        except TokensUnreadable as error:
            self.log.error("mcp-proxy: %s", error)
            self._tell(500, "This server cannot read its list of tokens; its log says why.")

    async def _tiers(self) -> list[str]:
        """What this person may allow."""
        permitted = await auth.permitted_tier(self, self._desk.limit)
        tiers = [tier for tier in self._desk.tiers if policy.includes(permitted, tier)]
        if not tiers:
            self._tell(403, "There is nothing on this server that you could allow.")
        return tiers

    def _days(self) -> list[float]:
        """For how long a person may allow it."""
        longest = self._desk.longest_days
        return [*(days for days in DAYS if days < longest), longest]

    def _user(self) -> str:
        return policy.username(self.current_user)

    # -- what is shown --------------------------------------------------------------------------------

    def _back(
        self, redirect: str, title: str, client: str = "", tier: str = "", *, by_itself: bool = True, **answer: str
    ) -> None:
        """Send the person on with the answer. Where a program of their machine takes it, this page stays behind.

        Not by itself where the person has not answered yet: a link alone must open no program of theirs.
        """
        where = redirects.with_parameters(redirect, iss=self._address.issuer, **answer)
        self._goes_to(redirect)
        if not redirects.stays_open(redirect):
            self._secure()
            self.redirect(where, status=303)
            return
        if by_itself:
            self.set_header("Refresh", f"0; url={where}")
        self._has_form = False
        what = WORDS[tier][1] if tier else ""
        self._page(
            "after.html", title=title, client=client, may=what, where=where, style=self._style,
            why=answer.get("error_description", ""), list=f"{self.base_url}mcp-proxy/",
        )  # fmt: skip

    def _goes_to(self, redirect: str) -> None:
        self._form_action = redirects.form_action(redirect)
        self._for_a_site = not redirects.stays_open(redirect)

    @property
    def _style(self) -> str:
        return f"{self.base_url}mcp-proxy/oauth/consent.css"

    def _tell(self, status: int, message: str) -> NoReturn:
        """A page that says why not."""
        self.set_status(status)
        self._page("refused.html", message=message, style=self._style)
        raise web.Finish

    def _page(self, template: str, **values: Any) -> None:
        self._secure()
        self.set_header("Content-Type", "text/html; charset=utf-8")
        language = wanted(self.request.headers.get("Accept-Language", ""))
        self.set_header("Content-Language", language.code)
        say = {"_": language.in_markup, "language": language.code}
        self.finish(_templates().get_template(template).render(number=_number, **say, **values))

    def _secure(self) -> None:
        """No frame around it, nothing from elsewhere, nothing kept."""
        rules = [
            "default-src 'none'", "style-src 'self'", "img-src data:", "base-uri 'none'", "frame-ancestors 'none'",
            f"form-action 'self' {self._form_action}".strip(),
        ]  # fmt: skip
        self.set_header("Content-Security-Policy", "; ".join(rules))
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        # Whoever has opened it holds no handle of it. But a web site that is to have the answer may have opened a
        # window for that, in which its own page will speak to its opener.
        self.set_header("Cross-Origin-Opener-Policy", "unsafe-none" if self._for_a_site else "same-origin")
        # Not `no-referrer` where there is a form: browsers then send `Origin: null` with it.
        self.set_header("Referrer-Policy", "same-origin" if self._has_form else "no-referrer")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A page of ours, whatever went wrong."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = getattr(error, "log_message", None) or self._reason
        self._page("refused.html", message=message, style=self._style)


def _number(days: float) -> str:
    return f"{days:g}"
