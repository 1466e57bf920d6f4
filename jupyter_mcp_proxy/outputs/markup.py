"""HTML as text: paragraphs, lists, and a line for each row of a table. Pure, in time proportional to its length.

Read as a stream of tags by libxml2: of what we tried (html.parser, Lexbor) it alone stays linear whatever comes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LONGEST = 1_000_000
"""Characters of markup that are read."""
DEEPEST = 3
"""Documents within documents (`srcdoc` of a frame, as folium and pydeck write it)."""
MOST_COLUMNS = 100
MOST_TABLES = 20
"""Tables within tables."""

_HIDDEN = frozenset(("script", "style", "template", "head", "noscript", "select", "datalist", "defs", "symbol"))
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
        *("legend", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "svg", "table", "tr", "ul"),
    )
)
_APART = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre", "figure", "ul", "ol"))
_SPACE = re.compile(r"\s+")
_LARGE = re.compile(r"data:(?P<type>[\w/+.-]*)[^,]{0,100},(?P<data>.*)", re.DOTALL)


def html_text(markup: str) -> str:
    """What an HTML fragment says, without its scripts and styles; media are named."""
    return _told(markup, DEEPEST)


def _told(markup: str, depth: int) -> str:
    from lxml import etree

    if "<" not in markup and "&" not in markup:
        return markup.strip()
    words = _Words(depth)
    more = len(markup) - LONGEST
    parser = etree.HTMLParser(target=words)
    try:
        parser.feed(markup[:LONGEST].encode("utf-8", "replace").decode().replace("\0", ""))
        parser.close()
    except etree.LxmlError:  # nothing but what is no markup at all
        pass
    return f"{words.text()}\n[{more:,} more characters of HTML]".lstrip() if more > 0 else words.text()


@dataclass
class _Table:
    """The row of a table that is being read."""

    cells: list[str] = field(default_factory=list)
    spans: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Columns that a cell above reaches down to: for how many rows yet, and its text."""
    cell: list[str] | None = None
    wide: int = 1
    high: int = 1

    def fill(self) -> None:
        """Cells from above that stand where the next one would."""
        while len(self.cells) in self.spans and len(self.cells) < MOST_COLUMNS:
            rows, text = self.spans.pop(len(self.cells))
            if rows > 1:
                self.spans[len(self.cells)] = (rows - 1, text)
            self.cells.append(text)

    def end_cell(self) -> None:
        """Take the cell that is being read into the row."""
        if self.cell is None:
            return
        text = " ".join("".join(self.cell).split())
        self.cell = None
        self.fill()
        for column in range(self.wide):
            if self.high > 1:
                self.spans[len(self.cells)] = (self.high - 1, text if not column else "")
            self.cells.append(text if not column else "")

    def end_row(self) -> str:
        """The row as a line."""
        self.end_cell()
        if self.cells:
            self.fill()
        row, self.cells = self.cells, []
        return " | ".join(row).rstrip(" |") if sum(map(bool, row)) == 1 and row[0] else " | ".join(row)


class _Words:
    """What a parser's events say, gathered."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._lines: list[str] = []
        self._line: list[str] = []
        self._hidden = 0
        self._verbatim = 0
        self._tables: list[_Table] = []
        self._links: list[tuple[str, int]] = []

    # -- the events of lxml ----------------------------------------------------------------------------

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if tag in _HIDDEN:
            self._hidden += 1
        if self._hidden:
            return
        if tag == "table":
            self._block(tag)
            if len(self._tables) < MOST_TABLES:
                self._tables.append(_Table())
        elif tag in ("td", "th") and self._tables:
            table = self._tables[-1]
            table.end_cell()
            table.cell = []
            table.wide = _number(attributes.get("colspan"))
            table.high = _number(attributes.get("rowspan"))
        elif tag == "br":
            self._end_line() if not self._in_cell else self.data(" ")
        elif tag in _BLOCKS:
            self._block(tag)
        elif tag == "a":
            self._links.append((attributes.get("href", ""), len(self._line)))
        else:
            self._medium(tag, attributes)
        if tag == "pre":
            self._verbatim += 1
        elif tag == "li":
            self.data("- ")
        elif tag[0] == "h" and tag[1:].isdigit() and not self._in_cell:
            self.data("#" * int(tag[1:]) + " ")

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
            return
        if self._hidden:
            return
        if tag == "tr" and self._tables:
            self._row(self._tables[-1].end_row())
        elif tag == "table" and self._tables:
            self._row(self._tables.pop().end_row())
            self._block(tag)
        elif tag in ("td", "th") and self._tables:
            self._tables[-1].end_cell()
        elif tag in _BLOCKS:
            self._block(tag)
        elif tag == "a" and self._links:
            href, start = self._links.pop()
            said = "".join(self._line[start:]).strip()
            if said and href.startswith(("http:", "https:", "mailto:")) and href != said and not self._in_cell:
                self.data(f" ({href[:300]})")
        if tag == "pre":
            self._verbatim = max(0, self._verbatim - 1)

    def data(self, text: str) -> None:
        """Words between tags."""
        if self._hidden:
            return
        if self._in_cell:
            cell = self._tables[-1].cell
            assert cell is not None
            cell.append(text)
        elif self._verbatim:
            *lines, last = text.split("\n")
            for line in lines:
                self._line.append(line)
                self._end_line()
            self._line.append(last)
        else:
            words = _SPACE.sub(" ", text) if len(text) > 1 or text.isspace() else text
            self._line.append(words.lstrip() if not self._line else words)

    def comment(self, text: str) -> None:
        """Nothing that is shown."""

    def close(self) -> None:
        """The end of the document."""
        while self._tables:
            self._row(self._tables.pop().end_row())
        self._end_line()

    # -- lines -----------------------------------------------------------------------------------------

    def text(self) -> str:
        """All of it."""
        return "\n".join(self._lines).strip("\n")

    @property
    def _in_cell(self) -> bool:
        return bool(self._tables) and self._tables[-1].cell is not None

    def _block(self, tag: str) -> None:
        if self._in_cell:
            self.data(" ")
        else:
            self._end_line(apart=tag in _APART)

    def _row(self, row: str) -> None:
        """A table's row; of a table in a cell, words of that cell."""
        if len(self._tables) > 1 and self._tables[-2].cell is not None:
            self._tables[-2].cell.append(row + " ; " if row else "")
        elif self._tables and self._tables[-1].cell is not None:
            self._tables[-1].cell.append(row)
        elif row:
            self._end_line()
            self._lines.append(row)

    def _end_line(self, *, apart: bool = False) -> None:
        line = "".join(self._line).rstrip() if self._verbatim else "".join(self._line).strip()
        self._line.clear()
        self._links.clear()
        if line or self._verbatim:
            self._lines.append(line)
        if apart and self._lines and self._lines[-1]:
            self._lines.append("")

    # -- what is no text -------------------------------------------------------------------------------

    def _medium(self, tag: str, attributes: dict[str, str]) -> None:
        """Name a picture, a sound or a document within the document."""
        source = attributes.get("src") or attributes.get("data") or ""
        match tag:
            case "img" | "audio" | "video" | "source" | "embed" | "object":
                facts = ["image" if tag == "img" else tag, attributes.get("alt", ""), _address(source)]
                if source or attributes.get("alt"):
                    self.data(f"[{' '.join(filter(None, facts))}]")
            case "iframe" | "frame":
                inner = attributes.get("srcdoc")
                if inner and self._depth:
                    said = _told(inner, self._depth - 1)
                    self._block("div")
                    for line in said.split("\n"):
                        self.data(line)
                        self._block("div")
                elif source:
                    self.data(f"[frame {_address(source)}]")
            case "progress" | "meter":
                self.data(f"[{tag} {attributes.get('value', '?')} of {attributes.get('max', '1')}]")
            case "input":
                if attributes.get("type") not in ("hidden", "checkbox", "radio") and attributes.get("value"):
                    self.data(f"[{attributes['value'][:200]}]")


def _address(source: str) -> str:
    """An address; of data within the page its type and size."""
    large = _LARGE.match(source)
    if large is None:
        return source[:300]
    return f"{large['type'] or 'data'}, {len(large['data']) * 3 // 4:,} bytes"


def _number(value: str | None) -> int:
    """A span of a table's cell."""
    return min(int(value), MOST_COLUMNS) if value and value.isascii() and value.isdigit() and int(value[:6]) else 1
