"""Notebooks, cells and outputs as resources that a client can list, read and subscribe to.

`notebook://{path}`, `notebook://{path}/cells/{id}` and `notebook://{path}/cells/{id}/outputs/{i}`. Slashes in the path
may stand as they are; what a URI reserves (`#`, `?`, `%`, a space) is percent-encoded.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

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
    ResourceTemplate,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    TextResourceContents,
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
from ..notebook.render import IMAGE_TYPES, cut, joined, output_text
from .call import Call
from .cells import BRIEF
from .state import State

if TYPE_CHECKING:
    from ..notebook.cells import Cell
    from ..notebook.document import Editor
    from ..notebook.outputs import Output
    from ..notebook.watching import Watching
    from ..notebook.workspace import Workspace

SCHEME = "notebook://"
MARKDOWN = "text/markdown"
SVG = "image/svg+xml"
NOTEBOOK_BUDGETS = 10
"""A whole notebook, or one output, may have so many times the budget of a tool's result."""
BRIEF_OUTPUTS = 5
"""Outputs of a cell that the notebook's text shows."""
MOST_SUBSCRIPTIONS = 100
"""Resources that one subscription may name."""

TEMPLATES = (
    ResourceTemplate(
        uri_template=f"{SCHEME}{{path}}",
        name="notebook",
        title="Notebook",
        description="A notebook as text: its cells' sources, and their outputs in brief. "
        "`path` from the server root; slashes may stand as they are.",
        mime_type=MARKDOWN,
    ),
    ResourceTemplate(
        uri_template=f"{SCHEME}{{path}}/cells/{{id}}",
        name="cell",
        title="Cell",
        description="One cell: its source and its outputs as text. "
        "`id` is a cell id, a unique prefix of one, or an index.",
        mime_type=MARKDOWN,
    ),
    ResourceTemplate(
        uri_template=f"{SCHEME}{{path}}/cells/{{id}}/outputs/{{i}}",
        name="output",
        title="Output",
        description="One output of a cell: an image as it is, anything else as text. `i` counts from 0.",
    ),
)

_BELOW = re.compile(r"(?P<path>.+?)/cells/(?P<cell>[^/]+)(?:/outputs/(?P<output>[^/]+))?\Z", re.DOTALL)
_NOT_THERE = (Ambiguous, BadValue, InvalidNotebook, NotNamed, OutsideRoot, PathRefused, Unknown)
_SESSION_KEY = "jupyter_mcp_proxy.subscriptions"


# -- names -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What a URI names."""

    path: str
    cell: str | None = None
    output: int | None = None

    @classmethod
    def of(cls, uri: str) -> Target:
        """What a URI names. Raises Unknown where it is none of ours, OutsideRoot and BadValue."""
        from ..jupyter.server import clean_path

        if not uri.startswith(SCHEME) or len(uri) == len(SCHEME):
            raise Unknown("resource", uri, hint=f"Resources are {', '.join(t.uri_template for t in TEMPLATES)}.")
        rest = uri.removeprefix(SCHEME)
        below = _BELOW.match(rest)
        # A folder may be called `cells`; a notebook in it is no cell.
        if below is None or below["cell"].endswith(".ipynb") or (below["output"] or "").endswith(".ipynb"):
            return cls(clean_path(unquote(rest)))
        output = below["output"]
        if output is not None and not re.fullmatch(r"\d{1,6}", output):
            raise BadValue("i", output, "the number of an output, from 0")
        path = clean_path(unquote(below["path"]))
        return cls(path, unquote(below["cell"]), None if output is None else int(output))

    @property
    def uri(self) -> str:
        """The URI that names it."""
        uri = SCHEME + quote(self.path, safe="/")
        if self.cell is not None:
            uri += f"/cells/{quote(self.cell, safe='')}"
        if self.output is not None:
            uri += f"/outputs/{self.output}"
        return uri

    def look(self, editor: Editor) -> str:
        """A digest of it that changes when it does. Raises Unknown and Ambiguous."""
        from ..notebook.watching import fingerprint

        if self.cell is None:
            return fingerprint(editor.cells())
        cell = editor.cell(self.cell)
        if self.output is None:
            return fingerprint([cell])
        return json.dumps(output_of(cell, self.output), sort_keys=True, default=str)


def _named(uri: str) -> dict[str, Any]:
    """What a URI names, as a tool would be given it."""
    try:
        named = asdict(Target.of(uri))
    except ProxyError:
        return {"uri": uri}
    return {"notebook": named.pop("path")} | {name: value for name, value in named.items() if value is not None}


def output_of(cell: Cell, number: int) -> Output:
    """An output of a cell. Raises Unknown with those that there are."""
    if number >= len(cell.outputs):
        there = f"outputs 0 to {len(cell.outputs) - 1}" if cell.outputs else "no outputs"
        raise Unknown("output", str(number), hint=f"Cell {cell.id} has {there}.")
    return cell.outputs[number]


# -- contents ----------------------------------------------------------------------------------------


def content_of(
    editor: Editor, target: Target, guarantee: str, budget: int
) -> TextResourceContents | BlobResourceContents:
    """What a resource says: an image as it is, anything else as text in about `budget` characters, more of a whole."""
    uri = target.uri
    if target.cell is None:
        text = notebook_text(editor, target.path, guarantee, NOTEBOOK_BUDGETS * budget)
        return TextResourceContents(uri=uri, text=text, mime_type=MARKDOWN)
    cell = editor.cell(target.cell)
    if target.output is None:
        text = cell_text(cell, target.path, _language(editor), budget)
        return TextResourceContents(uri=uri, text=text, mime_type=MARKDOWN)
    output = output_of(cell, target.output)
    media = image_type(output)
    if media is not None:
        blob = base64.b64encode(image_bytes(output, media)).decode()
        return BlobResourceContents(uri=uri, blob=blob, mime_type=media)
    handle = f"read_output(notebook={target.path!r}, cell={cell.id!r})"
    text = cut(output_text(output), NOTEBOOK_BUDGETS * budget, handle)
    return TextResourceContents(uri=uri, text=text, mime_type="text/plain")


def notebook_text(editor: Editor, path: str, guarantee: str, budget: int) -> str:
    """A notebook as Markdown: sources, and outputs in brief, in about `budget` characters."""
    cells = editor.cells()
    language = _language(editor)
    parts = [f"# {path}\n\n{len(cells)} cells, {guarantee}"]
    for cell in cells:
        text = cell_text(cell, path, language, BRIEF, BRIEF_OUTPUTS)
        if len(text) > budget:
            rest = f"{len(cells) - cell.index} more cells from index {cell.index} on are left out for length"
            parts.append(f"… {rest}: read_cells(notebook={path!r}, cells=[{cell.index}, …]) shows them.")
            break
        budget -= len(text)
        parts.append(text)
    return "\n\n".join(parts)


def cell_text(cell: Cell, path: str, language: str, budget: int, most_outputs: int | None = None) -> str:
    """A cell as Markdown: its source, and each output in at most about `budget` characters."""
    count = f" · [{cell.execution_count}]" if cell.execution_count is not None else ""
    parts = [f"## Cell {cell.index} · {cell.type} · {cell.id}{count}"]
    parts.append(fenced(cell.source, cell.type if cell.type != "code" else language))
    for number, output in enumerate(cell.outputs[:most_outputs]):
        uri = Target(path, cell.id, number).uri
        media = image_type(output)
        parts.append(f"Output {number}, {media or output.get('name') or output.get('output_type')}: {uri}")
        if media is None:
            parts.append(fenced(cut(output_text(output).rstrip("\n"), budget, uri)))
    if most_outputs is not None and len(cell.outputs) > most_outputs:
        parts.append(f"… and {len(cell.outputs) - most_outputs} more outputs: {Target(path, cell.id).uri}")
    return "\n\n".join(parts)


def fenced(text: str, language: str = "") -> str:
    """A text as a code block of Markdown, whatever is in it."""
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def image_type(output: Output) -> str | None:
    """The media type of an output's image; None where it has none."""
    data: dict[str, Any] = output.get("data") or {}
    return next((media for media in (*IMAGE_TYPES, SVG) if media in data), None)


def image_bytes(output: Output, media: str) -> bytes:
    """The image of that type in an output. Raises BadValue where it is not what it says."""
    stored = joined(output["data"][media])
    if media == SVG:
        return stored.encode()
    try:
        return base64.b64decode(stored)
    except (binascii.Error, ValueError) as error:
        raise BadValue("i", media, f"an image, but its data is not base64 ({error})") from error


def _language(editor: Editor) -> str:
    metadata = editor.metadata()
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        found = (metadata.get(key) or {}).get(name)
        if isinstance(found, str) and re.fullmatch(r"[\w+#.-]{1,30}", found):
            return found
    return ""


# -- serving -----------------------------------------------------------------------------------------


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
            opened = call.workspace.opened_by(call.client)
            kernels = {
                session["path"]: session["kernel"]
                for session in await call.workspace.server.sessions()
                if session.get("kernel") and session["path"].endswith(".ipynb")
            }
        resources = []
        for path in dict.fromkeys([*opened, *kernels]):
            kernel = kernels.get(path)
            state = f"kernel {kernel['name']} {kernel['execution_state']}" if kernel else "no kernel"
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
            with call.recorded("resources/read", _named(uri)):
                target = Target.of(uri)
                document = await call.workspace.document(target.path)
                document.show(call.author)
                budget = call.settings.output_budget
                content = await document.read(lambda editor: content_of(editor, target, document.guarantee, budget))
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
        """Serve one stream; of the resources that it asks for, those that are there are honoured."""
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
            notifications = params.notifications.model_copy(update={"resource_subscriptions": honoured or None})
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
            from ..notebook.watching import Watching

            self._watching = Watching(workspace.document)
        return self._watching


def _stop_all(held: dict[str, Callable[[], None]]) -> None:
    for stop in held.values():
        stop()
    held.clear()


def register(server: MCPServer[Any], bus: InMemorySubscriptionBus) -> None:
    """Let a server serve resources. `bus` is the one that it was made with."""
    Resources(server, bus)
