"""Notebooks, cells and outputs as resources that a client can list, read and subscribe to: what is asked, answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    BlobResourceContents,
    EmptyResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from ..errors import (
    Ambiguous,
    BadValue,
    InvalidNotebook,
    NotAllowed,
    NotNamed,
    OutsideRoot,
    PathRefused,
    ProxyError,
    Unknown,
)
from .call import Call
from .pictures import fitted_blob
from .state import State
from .targets import MARKDOWN, TEMPLATES, Target, content_of, named

if TYPE_CHECKING:
    from ..documents.watching import Watching
    from ..workspace import Workspace

MOST_SUBSCRIPTIONS = 100
"""Resources that one subscription may name."""

_NOT_THERE = (Ambiguous, BadValue, InvalidNotebook, NotNamed, OutsideRoot, PathRefused, Unknown)
_SESSION_KEY = "jupyter_mcp_proxy.subscriptions"


@contextmanager
def as_protocol_errors(**data: Any) -> Iterator[None]:
    """Our errors as those of the protocol, with our texts."""
    try:
        yield
    except ProxyError as error:
        code = INVALID_PARAMS if isinstance(error, (*_NOT_THERE, NotAllowed)) else INTERNAL_ERROR
        raise MCPError(code, str(error), data or None) from error


async def reading(server: MCPServer[Any], ctx: ServerRequestContext[Any, Any]) -> Call:
    """The facts of a request that reads, once the workspace is open. Raises NotAllowed."""
    state: State = ctx.lifespan_context
    await state.ready()
    call = Call.of(Context(request_context=ctx, mcp_server=server))
    call.require("Reading a notebook", "read")
    return call


class Resources:
    """The handlers of `resources/*` and of `subscriptions/listen`."""

    def __init__(self, server: MCPServer[Any], bus: InMemorySubscriptionBus) -> None:
        self._server = server
        self._bus = bus
        self._watching: Watching | None = None
        self._published: dict[str, tuple[int, Callable[[], None]]] = {}
        """How many streams listen to a resource, and what ends the watching for them."""
        self._publishing = asyncio.Lock()
        handlers = server._lowlevel_server  # the SDK has no public way to answer these with a caller's context
        listen = handlers.get_request_handler("subscriptions/listen")
        assert listen is not None
        self._listen = listen.handler
        handlers.add_request_handler("resources/list", PaginatedRequestParams, self.list_resources)
        handlers.add_request_handler("resources/templates/list", PaginatedRequestParams, self.list_templates)
        handlers.add_request_handler("resources/read", ReadResourceRequestParams, self.read)
        handlers.add_request_handler("resources/subscribe", SubscribeRequestParams, self.subscribe)
        handlers.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self.unsubscribe)
        handlers.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, self.listen)

    async def list_resources(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """The notebooks that this client has open, and those with a running kernel."""
        with as_protocol_errors():
            call = await reading(self._server, ctx)
            opened = call.workspace.users.opened_by(call.client)
            kernels = {
                session["path"]: session["kernel"]
                for session in await call.workspace.server.sessions()
                if session.get("kernel") and session["path"].endswith(".ipynb")
            }
        resources = []
        for path in dict.fromkeys([*opened, *kernels]):
            kernel = kernels.get(path)
            state = f"kernel {kernel['name']} {call.workspace.runner.kept.state_of(kernel)}" if kernel else "no kernel"
            resources.append(
                Resource(
                    uri=Target(path).uri,
                    name=path,
                    title=path.rpartition("/")[2],
                    description=f"{'Open' if path in opened else 'Not open'}, {state}",
                    mime_type=MARKDOWN,
                )
            )
        return ListResourcesResult(resources=resources)

    async def list_templates(
        self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """How any notebook, cell and output is named."""
        return ListResourceTemplatesResult(resource_templates=[*TEMPLATES])

    async def read(self, ctx: ServerRequestContext[Any, Any], params: ReadResourceRequestParams) -> ReadResourceResult:
        """The content of a notebook, a cell or an output."""
        uri = str(params.uri)
        with as_protocol_errors(uri=uri):
            call = await reading(self._server, ctx)
            with call.recorded("resources/read", named(uri)):
                target = Target.of(uri)
                document = await call.workspace.document(target.path)
                call.workspace.show(call.author, document)
                budget = call.settings.output_budget
                content = await document.read(lambda editor: content_of(editor, target, document.guarantee, budget))
                if isinstance(content, BlobResourceContents):
                    content = await fitted_blob(content)
        return ReadResourceResult(contents=[content.model_copy(update={"uri": uri})])

    # -- subscriptions of the old era: a session has them, and its own stream carries the notices ------

    async def subscribe(self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        """Tell this session of changes, until it unsubscribes or ends."""
        uri = str(params.uri)
        with as_protocol_errors(uri=uri):
            call = await reading(self._server, ctx)
            target = Target.of(uri)
            held = self._held(ctx)
            if uri not in held:
                if len(held) >= MOST_SUBSCRIPTIONS:
                    raise BadValue("uri", uri, f"at most {MOST_SUBSCRIPTIONS} subscriptions of one session")
                session = ctx.session
                stop = await self._watch(call.workspace).watch(
                    target.path, target.look, lambda: session.send_resource_updated(uri)
                )
                held.setdefault(uri, stop)
                if held[uri] is not stop:  # the same was asked for twice at once
                    stop()
        return EmptyResult()

    async def unsubscribe(self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        """Tell this session no more; what it never subscribed to is no error."""
        stop = self._held(ctx).pop(str(params.uri), None)
        if stop is not None:
            stop()
        return EmptyResult()

    def _held(self, ctx: ServerRequestContext[Any, Any]) -> dict[str, Callable[[], None]]:
        """What this session subscribes to; it ends with the session."""
        connection = ctx.session._connection  # its teardown is documented, the way to it from a request is not
        if _SESSION_KEY not in connection.state:
            held: dict[str, Callable[[], None]] = {}
            connection.state[_SESSION_KEY] = held
            connection.exit_stack.callback(_stop_all, held)
        found: dict[str, Callable[[], None]] = connection.state[_SESSION_KEY]
        return found

    # -- subscriptions of the new era: the request's own stream carries the notices --------------------

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream: of what it asks for the resources that are there are honoured, and no changes of lists."""
        honoured: list[str] = []
        try:
            wanted = list(dict.fromkeys(params.notifications.resource_subscriptions or ()))
            if wanted:
                with as_protocol_errors():
                    call = await reading(self._server, ctx)
                    for uri in wanted[:MOST_SUBSCRIPTIONS]:
                        with suppress(*_NOT_THERE):
                            await self._publish(call.workspace, uri)
                            honoured.append(uri)
            notifications = SubscriptionFilter(resource_subscriptions=honoured or None)
            result = await self._listen(ctx, params.model_copy(update={"notifications": notifications}))
            assert isinstance(result, SubscriptionsListenResult)
            return result
        finally:
            for uri in honoured:
                self._publish_no_more(uri)

    async def _publish(self, workspace: Workspace, uri: str) -> None:
        """Publish the changes of a resource, once for all streams that listen to it."""
        target = Target.of(uri)
        async with self._publishing:
            count, stop = self._published.get(uri, (0, None))
            if stop is None:
                stop = await self._watch(workspace).watch(
                    target.path, target.look, lambda: self._bus.publish(ResourceUpdated(uri=uri))
                )
            self._published[uri] = (count + 1, stop)

    def _publish_no_more(self, uri: str) -> None:
        count, stop = self._published.pop(uri)
        if count > 1:
            self._published[uri] = (count - 1, stop)
        else:
            stop()

    def _watch(self, workspace: Workspace) -> Watching:
        if self._watching is None:
            from ..documents.watching import Watching

            self._watching = Watching(workspace.document)
        return self._watching


def _stop_all(held: dict[str, Callable[[], None]]) -> None:
    for stop in held.values():
        stop()
    held.clear()


def register(server: MCPServer[Any], bus: InMemorySubscriptionBus) -> None:
    """Let a server serve resources. `bus` is the one that it was made with."""
    Resources(server, bus)
