"""The facts of one call: who calls, what they may do, and whether they are still there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args
from urllib.parse import unquote

import anyio
from mcp.server.mcpserver import Context

from ..contract import (
    CALLER_HEADER,
    TIER_HEADER,
    TIERS,
    TOKEN_HEADER,
    TOKEN_NAME_HEADER,
    TOKEN_TIER_HEADER,
    USER_HEADER,
)
from ..errors import NotAllowed
from ..jupyter.paths import clean_path
from ..settings import Settings, Tier
from ..store.signins import is_of_a_signin
from ..store.tokens import PREFIX
from .recording import RECORDING, Recording
from .state import State

if TYPE_CHECKING:
    from ..documents.document import Author, Document
    from ..documents.editor import Editor
    from ..documents.proposals import Who
    from ..documents.seen import Seen
    from ..execution.batch import Batch
    from ..execution.executions import Execution
    from ..workspace import Workspace


T = TypeVar("T")

GONE: Final = "jupyter_mcp_proxy.gone"
"""Key in the ASGI scope of an event that the sidecar's guard sets once the client has disconnected."""

CHANGES: ContextVar[bool] = ContextVar("changes", default=False)
"""Whether the current call edits or runs something."""
PROPOSED: ContextVar[list[str] | None] = ContextVar("proposed", default=None)
"""The notebooks in which the current call has proposed something, which is told with its result."""
TOUCHED: ContextVar[list[Document]] = ContextVar("touched")
"""The documents that the current call has opened; what others did to them is told with its result."""


@dataclass(frozen=True)
class Call:
    """One tool call."""

    ctx: Context[Any, Any]
    workspace: Workspace
    settings: Settings
    tier: Tier
    user: str
    client: str
    """The key under which this client's open notebooks are kept."""
    client_name: str
    token: str
    """The id of the scoped token that the call came with; empty where that was Jupyter's own."""
    token_name: str
    token_tier: str
    """What that token permits; empty as above."""
    gone: anyio.Event | None

    @classmethod
    def of(cls, ctx: Context[Any, Any]) -> Call:
        """The call that a context belongs to."""
        state: State = ctx.request_context.lifespan_context
        headers = ctx.headers or {}
        name = _client_name(ctx)
        session_id = ctx.request_context.session_id if hasattr(ctx.request_context, "session_id") else None
        session_id = session_id or headers.get("mcp-session-id")
        caller = headers.get(CALLER_HEADER.lower(), "")
        request = ctx.request_context.request
        return cls(
            ctx=ctx,
            workspace=state.workspace,
            settings=state.settings,
            # By standard input comes whoever started us, and no relay says of them what they may do.
            tier=state.settings.tier
            if request is None
            else _tier(headers.get(TIER_HEADER.lower()), state.settings.tier),
            user=unquote(headers.get(USER_HEADER.lower(), "")),
            client=f"{caller}:{session_id or name}",
            client_name=name,
            token=headers.get(TOKEN_HEADER.lower(), ""),
            token_name=unquote(headers.get(TOKEN_NAME_HEADER.lower(), "")),
            token_tier=headers.get(TOKEN_TIER_HEADER.lower(), ""),
            gone=request.scope.get(GONE) if request is not None else None,
        )

    @property
    def state(self) -> State:
        """What the MCP server keeps between calls."""
        found: State = self.ctx.request_context.lifespan_context
        return found

    @property
    def author(self) -> Author:
        """Who makes this call's changes."""
        from ..documents.document import Author

        return Author(self.client, self.client_name, self.token_name)

    async def document(self, notebook: str) -> Document:
        """The open document of a notebook, with this client shown in it."""
        document = await self.workspace.document(notebook)
        if CHANGES.get():
            document.refuse_if_gone()
            await self.refuse_unwritable(document)
        if (named := clean_path(notebook)) != document.path:
            self.workspace.users.names.tell(self.client, named, document.path)
        self.workspace.show(self.author, document)
        self.concerns(document.path)
        TOUCHED.get().append(document)
        self.workspace.hold(document)
        return document

    @property
    def who(self) -> Who:
        """The client as people know it."""
        return self.client_name, self.token_name

    def proposes(self, document: Document) -> bool:
        """Whether the client's edits wait for a person: all of them, or some in this notebook already."""
        proposals = self.workspace.proposals
        return proposals.reviews(self.who) or bool(proposals.of(document.path, self.who))

    async def edit(self, document: Document, change: Callable[[Editor], T]) -> T:
        """Make the client's change to a notebook, or propose it where a person reviews its edits first."""
        if not self.proposes(document):
            return await document.edit(change, author=self.author)
        from .proposing import propose

        result, changed = await propose(self.workspace.proposals, self.who, self.client, document, change)
        if changed and (told := PROPOSED.get()) is not None:
            told.append(document.path)
        if changed and (recording := RECORDING.get()) is not None:
            recording.proposes()
        return result

    async def read(self, document: Document, look: Callable[[Editor], T]) -> T:
        """Run `look` on a notebook as the client has it: with what it proposes."""
        cells = self.workspace.proposals.of(document.path, self.who)
        if not cells:
            return await document.read(look)
        from ..documents.draft import DraftEditor

        return await document.read(lambda editor: look(DraftEditor(editor, cells)))

    async def refuse_unwritable(self, document: Document) -> None:
        """Raise where agents may not write what saving the notebook writes; only jupytext's are not for notebooks."""
        paths = self.workspace.server.paths
        paths.check_write(document.path)
        if len(self.settings.notebook_endings) > 1:
            from ..documents.pairing import refuse_pairs

            refuse_pairs(paths, document.path, await document.read(lambda editor: editor.metadata()))

    def seen(self, document: Document) -> Seen:
        """What this client knows of a notebook's cells."""
        return self.workspace.users.seen(self.client, document)

    def recorded(self, what: str, arguments: dict[str, Any]) -> AbstractContextManager[Recording]:
        """Have this shown to people and audited, as a call of that name, while the block runs."""
        who = {"user": self.user, "client": self.client_name, "tier": self.tier}
        return self.state.recorder.call(what, arguments, token=self.token_name or None, **who)

    def execution(self, id: str) -> Execution | Batch:
        """An execution or a batch by its id. Raises Unknown with those that there are."""
        from ..execution.batch import Batch

        found = self.workspace.runner.kept.get(id)
        self.concerns(found.notebook, None if isinstance(found, Batch) else found.cell_id)
        return found

    def at(self, document: Document, cell_id: str) -> None:
        """Show this client in the cell that it works on."""
        self.workspace.show(self.author, document, cell_id)
        order = document.history.order
        self.concerns(document.path, cell_id, index=order.index(cell_id) if cell_id in order else None)

    def concerns(
        self,
        notebook: str | None = None,
        cell: str | None = None,
        cells: list[str] | None = None,
        index: int | None = None,
    ) -> None:
        """Have people told which notebook and cell the call turns out to mean, or which cells it has written."""
        recording = RECORDING.get()
        if recording is not None:
            recording.concerns(notebook, cell, cells, index)

    def runs(self, execution: Execution | Batch) -> None:
        """Have people told that the call has started this, until that has ended, and who has."""
        from ..execution.batch import Batch

        for each in [e for _, e in execution.executions] if isinstance(execution, Batch) else [execution]:
            each.client = self.client_name
        recording = RECORDING.get()
        if recording is not None:
            recording.runs(execution)

    def require(self, what: str, needed: Tier, *, begins: bool = True) -> None:
        """Raise NotAllowed where the caller's tier does not include `needed`, and Paused while none may begin that."""
        if TIERS.index(self.tier) < TIERS.index(needed):
            raise NotAllowed(what, needed, self.tier, self._narrowed_by(needed))
        if begins and needed != "read":
            self.workspace.pause.check()

    def _narrowed_by(self, needed: Tier) -> str:
        """What keeps this caller from a tier, as `NotAllowed` takes it; of several what no new token mends."""
        if TIERS.index(self.settings.tier) < TIERS.index(needed):
            return "setting"
        if self.token_tier in TIERS and TIERS.index(self.token_tier) < TIERS.index(needed):
            return "sign-in" if is_of_a_signin(PREFIX + self.token) else "token"
        return "authorizer"


def _client_name(ctx: Context[Any, Any]) -> str:
    params = ctx.request_context.session.client_params
    info = params.client_info if params is not None else None
    name = (info.title or info.name) if info is not None else ""
    return (name or "AI agent")[:64]


def _tier(header: str | None, limit: Tier) -> Tier:
    """The tier that the relay granted, never above the setting; without a word from it, looking only."""
    granted: Tier = next((tier for tier in get_args(Tier) if tier == header), "read")
    return granted if TIERS.index(granted) < TIERS.index(limit) else limit
