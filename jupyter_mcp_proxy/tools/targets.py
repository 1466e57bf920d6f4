"""What the URI of a notebook, a cell or an output names, and what a client reads there. Pure.

`notebook://{path}`, `notebook://{path}/cells/{id}` and `notebook://{path}/cells/{id}/outputs/{i}`. Slashes in the path
may stand as they are; what a URI reserves (`#`, `?`, `%`, a space) is percent-encoded.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from mcp_types import BlobResourceContents, ResourceTemplate, TextResourceContents

from ..documents.metadata import said
from ..documents.sources import excerpt
from ..errors import BadValue, ProxyError, Unknown
from ..jupyter.paths import clean_path
from ..outputs.render import cut, told
from ..outputs.rich import SVG, bundle, image_media, is_text, joined
from ..outputs.text import output_text
from .characters import check_texts
from .reading import BRIEF

if TYPE_CHECKING:
    from ..documents.cells import Cell
    from ..documents.editor import Editor
    from ..outputs.changes import Output

SCHEME = "notebook://"
MARKDOWN = "text/markdown"
NOTEBOOK_BUDGETS = 10
"""A whole notebook, or one output, may have so many times the budget of a tool's result."""
BRIEF_OUTPUTS = 5
"""Outputs of a cell that the notebook's text shows."""

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
        check_texts("uri", unquote(uri))
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
        from ..documents.watching import fingerprint

        if self.cell is None:
            return fingerprint(editor.cells())
        cell = editor.cell(self.cell)
        if self.output is None:
            return fingerprint([cell])
        return json.dumps(output_of(cell, self.output), sort_keys=True, default=str)


def named(uri: str) -> dict[str, Any]:
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
        text = cell_text(cell, target.path, _language(editor), budget, budget)
        return TextResourceContents(uri=uri, text=text, mime_type=MARKDOWN)
    output = output_of(cell, target.output)
    media = image_type(output) or binary_type(output)
    if media is not None:
        blob = base64.b64encode(stored_bytes(output, media)).decode()
        return BlobResourceContents(uri=uri, blob=blob, mime_type=media)
    handle = f"read_output(notebook={target.path!r}, cell={cell.id!r})"
    text = cut(output_text(output), NOTEBOOK_BUDGETS * budget, handle)
    return TextResourceContents(uri=uri, text=text, mime_type="text/plain")


def notebook_text(editor: Editor, path: str, guarantee: str, budget: int) -> str:
    """A notebook as Markdown: sources, and outputs in brief, in about `budget` characters."""
    cells = editor.cells()
    language = _language(editor)
    whole = budget
    parts = [f"# {path}\n\n{len(cells)} cells, {guarantee}"]
    for cell in cells:
        text = cell_text(cell, path, language, whole // NOTEBOOK_BUDGETS, BRIEF, BRIEF_OUTPUTS)
        if len(text) > budget:
            rest = f"{len(cells) - cell.index} more cells from index {cell.index} on are left out for length"
            parts.append(f"… {rest}: read_cells(notebook={path!r}, cells=[{cell.index}, …]) shows them.")
            break
        budget -= len(text)
        parts.append(text)
    return "\n\n".join(parts)


def cell_text(
    cell: Cell, path: str, language: str, source_budget: int, budget: int, most_outputs: int | None = None
) -> str:
    """A cell as Markdown: its source, and each output, in about as many characters as their budgets allow."""
    count = f" · [{cell.execution_count}]" if cell.execution_count is not None else ""
    parts = [f"## Cell {cell.index} · {cell.type} · {cell.id}{count}"]
    source = excerpt(cell.source, source_budget, f"read_cell(notebook={path!r}, cell={cell.id!r})")
    parts.append(fenced(source.text, cell.type if cell.type != "code" else language))
    parts += [source.note] if source.note else []
    for number, output in enumerate(cell.outputs[:most_outputs]):
        uri = Target(path, cell.id, number).uri
        media = image_type(output)
        kind = " ".join(str(media or output.get("name") or output.get("output_type")).split())[:100]
        parts.append(f"Output {number}, {kind}: {uri}")
        if media is None:
            parts.append(fenced(told([output], budget, uri)))
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
    return image_media(bundle(output))


def binary_type(output: Output) -> str | None:
    """The media type of what an output has in base64 and no text tells; None where there is no such thing."""
    data = bundle(output)
    return next((media for media in data if not is_text(media)), None) if "text/html" not in data else None


def stored_bytes(output: Output, media: str) -> bytes:
    """What an output has of that type, as bytes. Raises BadValue where it is not what it says."""
    stored = joined(output["data"][media])
    if media == SVG:
        return stored.encode()
    try:
        return base64.b64decode(stored)
    except (binascii.Error, ValueError) as error:
        raise BadValue("i", media, f"its data in base64, which it is not ({error})") from error


def _language(editor: Editor) -> str:
    metadata = editor.metadata()
    for names in (("language_info", "name"), ("kernelspec", "language")):
        found = said(metadata, *names)
        if re.fullmatch(r"[\w+#.-]{1,30}", found):
            return found
    return ""
