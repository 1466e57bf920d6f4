"""The tools as a table: each belongs to exactly one tier and is declared where it is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from ..settings import Tier
from .pictures import Which

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

Notebook = Annotated[str, Field(description="Path from the server root")]
OptionalNotebook = Annotated[
    str | None, Field(description="Path; may be left out while you have exactly one notebook open")
]
CellRef = Annotated[int | str, Field(description="Id, a unique prefix of one, or (number) index; -1: last")]
Wait = Annotated[
    float | None,
    Field(description="Seconds to wait (default 45); then it runs on and the result has its id", ge=0, le=280),
]
Images = Annotated[Which, Field(description="all: up to 4")]
IfHash = Annotated[str | None, Field(description="Hash of the source you read; refused if the cell has changed since")]


@dataclass(frozen=True)
class Spec:
    """A tool and what it takes to call it."""

    fn: Callable[..., Awaitable[Any]]
    name: str
    tier: Tier
    title: str
    destructive: bool
    idempotent: bool


TOOLS: dict[str, Spec] = {}
"""Every tool by its name, in the order of declaration."""


def tool(tier: Tier, title: str, *, destructive: bool = False, idempotent: bool = False) -> Callable[[F], F]:
    """Declare a tool. Its name is the function's, its description the docstring, its parameters the signature."""

    def declare(fn: F) -> F:
        TOOLS[fn.__name__] = Spec(fn, fn.__name__, tier, title, destructive, idempotent)
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
            read_only_hint=spec.tier == "read",
            destructive_hint=spec.destructive if spec.tier != "read" else None,
            idempotent_hint=spec.idempotent if spec.tier != "read" else None,
            open_world_hint=spec.tier == "run",
        ),
        structured_output=False,  # clients show their model the JSON of a tool with an output schema, not its image
    )
    built.description = " ".join((spec.fn.__doc__ or "").split())
    built.parameters = without_titles(built.parameters)
    return built


def without_titles(schema: Any) -> Any:
    """A JSON schema without the titles that repeat the parameters' names, and without `null` arms and defaults.

    A parameter that is not required may be left out: every client and model knows that without being told.
    """
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and value is None:
            continue
        if key == "properties":
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
