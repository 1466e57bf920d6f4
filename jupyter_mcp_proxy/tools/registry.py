"""The tools as a table: each belongs to exactly one tier and is declared where it is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import BeforeValidator, Field

from ..settings import Tier
from .pictures import Which

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

Notebook = Annotated[str, Field(description="Path from server root")]
OptionalNotebook = Annotated[str | None, Field(description="Path; optional while exactly one is open")]


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):  # which Python takes for 0 and 1
        raise ValueError("a cell is named by its id or index, and takes neither true nor false")
    return value


Index = Annotated[int, BeforeValidator(_no_boolean)]
CellRef = Annotated[Index | str, Field(description="Id, unique prefix of one, or index as a number; -1: last")]
Wait = Annotated[
    float | None,
    Field(description="Seconds (default 45); then it runs on and the result has its id", ge=0, le=280),
]
Images = Annotated[Which, Field(description="all: up to 4")]
IfHash = Annotated[str | None, Field(description="Hash you read; refused if the cell has changed since")]


@dataclass(frozen=True)
class Spec:
    """A tool and what it takes to call it."""

    fn: Callable[..., Awaitable[Any]]
    name: str
    tier: Tier
    title: str
    destructive: bool
    idempotent: bool
    read_only: bool
    """Whether it changes nothing, as far as clients are told: a tool of the tier `read` may make something if asked."""
    hint: str
    """What a person may ask for that this does."""


SEARCH_HINT = "anthropic/searchHint"
"""Key of what Claude Code looks for a tool by that its model has not been shown yet; no model is shown it.

Not `anthropic/alwaysLoad`: that puts a tool's schema into every conversation, whether or not it is about notebooks.
"""
RUNNING = f"{__package__}.run"
"""The module whose tools run code, which may reach anything."""

TOOLS: dict[str, Spec] = {}
"""Every tool by its name, in the order of declaration."""


def tool(
    tier: Tier,
    title: str,
    *,
    destructive: bool = False,
    idempotent: bool = False,
    read_only: bool | None = None,
    hint: str = "",
) -> Callable[[F], F]:
    """Declare a tool. Its name is the function's, its description the docstring, its parameters the signature."""

    def declare(fn: F) -> F:
        looks = tier == "read" if read_only is None else read_only
        TOOLS[fn.__name__] = Spec(fn, fn.__name__, tier, title, destructive, idempotent, looks, hint)
        return fn

    return declare


def build(spec: Spec) -> Tool:
    """A tool as the SDK serves it, with a schema that says nothing twice."""
    built = Tool.from_function(
        spec.fn,
        name=spec.name,
        title=spec.title,
        annotations=ToolAnnotations(
            title=spec.title,
            read_only_hint=spec.read_only,
            destructive_hint=None if spec.read_only else spec.destructive,
            idempotent_hint=None if spec.read_only else spec.idempotent,
            open_world_hint=spec.fn.__module__ == RUNNING and spec.tier == "run",
        ),
        meta={SEARCH_HINT: spec.hint} if spec.hint else None,
        structured_output=False,  # clients show their model the JSON of a tool with an output schema, not its image
    )
    built.description = " ".join((spec.fn.__doc__ or "").split())
    built.parameters = without_titles(built.parameters)
    return built


def without_titles(schema: Any) -> Any:
    """A JSON schema without the titles that repeat the parameters' names, and without `null` arms and defaults.

    A parameter that is not required may be left out, and what is asked for by `true` is not done else: every client and
    model knows that without being told. What an item is, the parameter of a list of them says.
    """
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and (value is None or value is False):
            continue
        if key == "$defs":
            kinds = {name: {k: v for k, v in kind.items() if k != "description"} for name, kind in value.items()}
            cleaned[key] = {name: without_titles(kind) for name, kind in kinds.items()}
        elif key == "properties":
            cleaned[key] = {name: without_titles(item) for name, item in value.items()}
        elif key == "anyOf":
            arms = [without_titles(arm) for arm in value if arm != {"type": "null"}]
            if len(arms) == 1:
                cleaned.update(arms[0])
            elif all(set(arm) == {"type"} for arm in arms):
                cleaned["type"] = [arm["type"] for arm in arms]
            else:
                cleaned[key] = arms
        else:
            cleaned[key] = without_titles(value)
    return cleaned
