"""Looking into a notebook's kernel."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from ..errors import BadValue
from .call import Call
from .matching import check_glob
from .registry import OptionalNotebook, tool

if TYPE_CHECKING:
    from ..execution.inspection import Inspector


@tool("read", "List variables")
async def list_variables(
    ctx: Context[Any, Any],
    notebook: OptionalNotebook = None,
    pattern: Annotated[str | None, Field(description="Glob on names, such as df*")] = None,
) -> str:
    """List the variables in a notebook's kernel with type and value or size (Python and R). Starts no kernel."""
    call = Call.of(ctx)
    if pattern:
        check_glob("pattern", pattern)
    inspector = await _inspector(call, notebook)
    variables = await inspector.variables()
    found = [v for v in variables if not pattern or fnmatchcase(v.name, pattern)]
    named = f" named {pattern}" if pattern else ""
    if not found:
        others = f" (it has {len(variables)} others)" if variables else ""
        return f"The kernel of {inspector.path} has no variables{named}{others}."
    lines = [f"{v.name}  {v.type}" + (f"  {v.about}" if v.about else "") for v in found]
    head = f"{len(found)} variables{named} in the kernel of {inspector.path}"
    return within(head, lines, call.settings.output_budget, "a narrower pattern shows them")


@tool("read", "Inspect an object")
async def inspect_object(
    ctx: Context[Any, Any],
    code: Annotated[str, Field(description="A name, such as df.groupby")],
    notebook: OptionalNotebook = None,
    detail: Annotated[bool, Field(description="With its source code")] = False,
) -> str:
    """Show an object's type, signature, value and documentation."""
    call = Call.of(ctx)
    if not code.strip():
        raise BadValue("code", code, "a name that the kernel knows, such as print")
    inspector = await _inspector(call, notebook)
    told = await inspector.inspect(code.rstrip(), int(detail))
    budget = call.settings.output_budget
    if len(told) <= budget:
        return told
    return f"{told[:budget]}\n… {len(told) - budget:,} characters left out; inspect a part of it by its name"


@tool("read", "Complete code")
async def complete_code(
    ctx: Context[Any, Any],
    code: str,
    notebook: OptionalNotebook = None,
    cursor: Annotated[int | None, Field(description="Characters before the cursor; else all", ge=1)] = None,
) -> str:
    """List what the kernel would complete at the cursor: names, attributes, files. Needs the tier run."""
    call = Call.of(ctx)
    call.require("Completing code, for which a kernel imports modules and lists files,", "run")
    position = len(code) if cursor is None else cursor
    if not code[:position].strip():
        raise BadValue("code", code, "code with something to complete before the cursor")
    if position > len(code):
        raise BadValue("cursor", cursor, f"1 to {len(code)}, the length of the code")
    inspector = await _inspector(call, notebook)
    found = await inspector.complete(code, position)
    if not found.matches:
        return f"Kernel {inspector.kernel.name} completes nothing at {code[:position][-40:]!r}."
    head = f"{len(found.matches)} completions for {code[found.start : found.end]!r}"
    lines = [f"{match}  {kind}" if kind else match for match, kind in found.matches]
    return within(head, lines, call.settings.output_budget, "a longer beginning of the name shows them")


async def _inspector(call: Call, notebook: str | None) -> Inspector:
    document = await call.document(call.workspace.users.named(call.client, notebook))
    return await call.workspace.inspector(document.path)


def within(head: str, lines: list[str], budget: int, cure: str) -> str:
    """A headline and as many lines as a budget of characters allows, with how to see the others."""
    left = budget
    for number, line in enumerate(lines):
        left -= len(line) + 1
        if left < 0 and number:
            return "\n".join([f"{head}:", *lines[:number], f"… {len(lines) - number} more; {cure}"])
    return "\n".join([f"{head}:", *lines])
