"""What the conformance suite expects a server to have, by the names and contents that its scenarios look for."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import wave
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from PIL import Image
from pydantic import Field

Ctx = Context[Any, Any]
TOOLS: dict[str, Callable[..., Any]] = {}


def tool(function: Callable[..., Any]) -> Callable[..., Any]:
    TOOLS[function.__name__] = function
    return function


def picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def sound() -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(2))
    return base64.b64encode(file.getvalue()).decode()


PNG, WAV = picture(), sound()
IMAGE = ImageContent(type="image", data=PNG, mime_type="image/png")


def said(value: str) -> TextContent:
    return TextContent(type="text", text=value)


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=contents)


# -- tools that answer ------------------------------------------------------------------------------------


@tool
def test_simple_text() -> CallToolResult:
    """A text."""
    return CallToolResult(content=[said("This is a simple text response for testing.")])


@tool
def test_image_content() -> CallToolResult:
    """An image."""
    return CallToolResult(content=[IMAGE])


@tool
def test_audio_content() -> CallToolResult:
    """A sound."""
    return CallToolResult(content=[AudioContent(type="audio", data=WAV, mime_type="audio/wav")])


@tool
def test_embedded_resource() -> CallToolResult:
    """A resource."""
    return CallToolResult(content=[embedded("test://embedded-resource", "This is an embedded resource content.")])


@tool
def test_multiple_content_types() -> CallToolResult:
    """Three kinds in one result."""
    data = json.dumps({"test": "data", "value": 123})
    mixed = embedded("test://mixed-content-resource", data, "application/json")
    return CallToolResult(content=[said("Multiple content types test:"), IMAGE, mixed])


@tool
def test_error_handling() -> CallToolResult:
    """An error."""
    raise ToolError("This tool intentionally returns an error for testing")


@tool
async def test_tool_with_progress(ctx: Ctx) -> CallToolResult:
    """Progress, in three steps."""
    for step in (0, 50, 100):
        await ctx.report_progress(step, 100)
        await asyncio.sleep(0.05)
    return CallToolResult(content=[said("done")])


@tool
async def test_trigger_tool_change(ctx: Ctx) -> CallToolResult:
    """Whoever listens to the list of tools is told of a change."""
    await ctx.notify_tools_changed()
    return CallToolResult(content=[said("told")])


@tool
async def test_trigger_prompt_change(ctx: Ctx) -> CallToolResult:
    """Whoever listens to the list of prompts is told of a change."""
    await ctx.notify_prompts_changed()
    return CallToolResult(content=[said("told")])


@tool
async def test_reconnection() -> CallToolResult:
    """Takes its time. Its stream stays open: a run that is left is followed by its id (`wait_execution`)."""
    await asyncio.sleep(0.2)
    return CallToolResult(content=[said("waited")])


@tool
def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> CallToolResult:
    """A parameter that stands in a header, too."""
    return CallToolResult(content=[said(region)])


@tool
def test_logging_tool() -> CallToolResult:
    """Nothing is logged, since nobody has asked for a level: ours logs to nobody."""
    return CallToolResult(content=[said("nothing to log")])


@tool
def json_schema_2020_12_tool(name: str = "") -> CallToolResult:
    """Its schema is what counts: see `SCHEMA`."""
    return CallToolResult(content=[said(name)])


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


# -- tools that ask, up to 2025-11-25 -----------------------------------------------------------------------


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT: dict[str, Any] = {"type": "string"}


async def asked(ctx: Ctx, message: str, wanted: dict[str, Any]) -> CallToolResult:
    answer = await ctx.session.elicit_form(message, wanted, related_request_id=ctx.request_id)
    return CallToolResult(
        content=[said(f"User response: action={answer.action}, content={json.dumps(answer.content)}")]
    )


@tool
async def test_elicitation(message: str, ctx: Ctx) -> CallToolResult:
    """A question to the person."""
    return await asked(ctx, message, schema(username=TEXT, email=TEXT))


@tool
async def test_elicitation_sep1034_defaults(ctx: Ctx) -> CallToolResult:
    """A question whose fields have defaults."""
    states = ["active", "inactive", "pending"]
    wanted = schema(
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": states, "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return await asked(ctx, "Who are you?", wanted)


@tool
async def test_elicitation_sep1330_enums(ctx: Ctx) -> CallToolResult:
    """A question with every kind of choice."""
    options = ["option1", "option2", "option3"]
    titled = [{"const": f"value{n}", "title": f"Choice {n}"} for n in (1, 2, 3)]
    wanted = schema(
        untitledSingle={"type": "string", "enum": options},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={"type": "string", "enum": options, "enumNames": ["Option One", "Option Two", "Option Three"]},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": options}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )
    return await asked(ctx, "Choose", wanted)


@tool
async def test_sampling(prompt: str, ctx: Ctx) -> CallToolResult:
    """A question to the client's model."""
    message = SamplingMessage(role="user", content=said(prompt))
    answer = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return CallToolResult(content=[said(f"LLM response: {getattr(answer.content, 'text', '')}")])


# -- tools that ask by their result, since 2026-07-28 --------------------------------------------------------


def form(message: str, **properties: Any) -> ElicitRequest:
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema(**properties)))


def sample(prompt: str, tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=said(prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=tokens))


def asking(tool_name: str, state: str | None = None, **requests: Any) -> Callable[..., Any]:
    """A tool that asks once, for everything at the same time."""

    async def ask(ctx: Ctx) -> CallToolResult | InputRequiredResult:
        answers = ctx.input_responses or {}
        if not all(key in answers for key in requests):
            return InputRequiredResult(input_requests=requests, request_state=state)
        if state is not None and ctx.request_state != state:
            raise MCPError(-32602, "The state is not what was given out")
        shown = {key: answer.model_dump(mode="json") for key, answer in answers.items() if key in requests}
        return CallToolResult(content=[said(f"state-ok: {json.dumps(shown)}")])

    ask.__name__ = tool_name
    ask.__doc__ = "Asks once."
    return tool(ask)


NAME = form("What is your name?", name=TEXT)
asking("test_input_required_result_elicitation", user_name=NAME)
asking("test_input_required_result_sampling", capital=sample("What is the capital of France?"))
asking("test_input_required_result_list_roots", client_roots=ListRootsRequest())
asking("test_input_required_result_request_state", "asked", confirm=form("Please confirm", ok={"type": "boolean"}))
asking("test_input_required_result_tampered_state", "asked", confirm=form("Please confirm", ok={"type": "boolean"}))
asking(
    "test_input_required_result_multiple_inputs",
    "asked",
    user_name=NAME,
    greeting=sample("Generate a greeting", 50),
    client_roots=ListRootsRequest(),
)
asking("test_streaming_elicitation", user_name=NAME)


@tool
async def test_input_required_result_multi_round(ctx: Ctx) -> CallToolResult | InputRequiredResult:
    """Asks twice."""
    if ctx.request_state is None:
        first = {"step1": form("Step 1: What is your name?", name=TEXT)}
        return InputRequiredResult(input_requests=first, request_state="one")
    if ctx.request_state == "one":
        second = {"step2": form("Step 2: What is your favorite color?", color=TEXT)}
        return InputRequiredResult(input_requests=second, request_state="two")
    return CallToolResult(content=[said("asked twice")])


@tool
async def test_input_required_result_capabilities(ctx: Ctx) -> CallToolResult | InputRequiredResult:
    """Asks for what its client can do."""
    if ctx.input_responses:
        return CallToolResult(content=[said("answered")])
    can = ctx.client_capabilities
    requests: dict[str, Any] = {}
    if can is not None and can.elicitation is not None:
        requests["user_name"] = NAME
    if can is not None and can.sampling is not None:
        requests["greeting"] = sample("Generate a greeting", 50)
    return InputRequiredResult(input_requests=requests, request_state="asked")


@tool
async def test_missing_capability(ctx: Ctx) -> CallToolResult:
    """Refuses a client without sampling."""
    can = ctx.client_capabilities
    if can is None or can.sampling is None:
        needs = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs sampling", needs)
    return CallToolResult(content=[said("sampled")])


# -- resources and prompts ------------------------------------------------------------------------------------

STATIC = {
    "test://static-text": TextResourceContents(
        uri="test://static-text", mime_type="text/plain", text="This is the content of the static text resource."
    ),
    "test://static-binary": BlobResourceContents(uri="test://static-binary", mime_type="image/png", blob=PNG),
    "test://watched-resource": TextResourceContents(
        uri="test://watched-resource", mime_type="text/plain", text="Watched."
    ),
}
TEMPLATE = "test://template/{id}/data"
OF_TEMPLATE = re.compile(r"test://template/(\w+)/data")


def resource(uri: str) -> TextResourceContents | BlobResourceContents | None:
    match = OF_TEMPLATE.fullmatch(uri)
    if match:
        data = {"id": match[1], "templateTest": True, "data": f"Data for ID: {match[1]}"}
        return TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
    return STATIC.get(uri)


def add_resources(server: MCPServer[Any]) -> None:
    """Put them before our own handlers, which know notebooks only."""
    handlers = server._lowlevel_server

    def extend(method: str, change: Callable[[Callable[..., Awaitable[Any]], Any, Any], Awaitable[Any]]) -> None:
        entry = handlers.get_request_handler(method)
        assert entry is not None

        async def handler(ctx: Any, params: Any) -> Any:
            return await change(entry.handler, ctx, params)

        handlers.add_request_handler(method, entry.params_type, handler)

    async def listed(inner: Any, ctx: Any, params: Any) -> Any:
        result = await inner(ctx, params)
        for uri, contents in STATIC.items():
            result.resources.append(
                Resource(uri=uri, name=uri, description="Of the suite", mime_type=contents.mime_type)
            )
        return result

    async def templates(inner: Any, ctx: Any, params: Any) -> Any:
        result = await inner(ctx, params)
        result.resource_templates.append(
            ResourceTemplate(uri_template=TEMPLATE, name="template", description="Of the suite")
        )
        return result

    async def read(inner: Any, ctx: Any, params: ReadResourceRequestParams) -> Any:
        found = resource(str(params.uri))
        return await inner(ctx, params) if found is None else ReadResourceResult(contents=[found])

    async def subscribed(inner: Any, ctx: Any, params: Any) -> Any:
        return EmptyResult() if resource(str(params.uri)) is not None else await inner(ctx, params)

    extend("resources/list", listed)
    extend("resources/templates/list", templates)
    extend("resources/read", read)
    extend("resources/subscribe", subscribed)
    extend("resources/unsubscribe", subscribed)


def test_simple_prompt() -> str:
    """A prompt."""
    return "This is a simple prompt for testing."


def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    """A prompt that brings a resource."""
    content = embedded(resourceUri, "Embedded resource content for testing.")
    return [UserMessage(content=content), UserMessage(content=said("Please process the embedded resource above."))]


def test_prompt_with_image() -> list[UserMessage]:
    """A prompt that brings an image."""
    return [UserMessage(content=IMAGE), UserMessage(content=said("Please analyze the image above."))]


async def test_input_required_result_prompt(ctx: Ctx) -> str | InputRequiredResult:
    """A prompt that asks."""
    if not ctx.input_responses:
        return InputRequiredResult(input_requests={"user_context": form("What is it about?", context=TEXT)})
    return "A prompt about what was answered."


PROMPTS: tuple[Callable[..., Any], ...] = (
    test_simple_prompt,
    test_prompt_with_arguments,
    test_prompt_with_embedded_resource,
    test_prompt_with_image,
    test_input_required_result_prompt,
)


def add(server: MCPServer[Any]) -> None:
    """Give a server the tools and resources. The prompts go into our own table, before it is made."""
    for name, function in TOOLS.items():
        server.add_tool(function, name=name, description=function.__doc__, structured_output=False)
    found = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert found is not None
    found.parameters = SCHEMA
    add_resources(server)
