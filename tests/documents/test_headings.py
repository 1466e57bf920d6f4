"""A notebook by its headings."""

from __future__ import annotations

from jupyter_mcp_proxy.documents.cells import Cell
from jupyter_mcp_proxy.documents.headings import sections


def of(*sources: str) -> list[tuple[int, str, int, int]]:
    """The sections of a notebook; sources that begin with % are code."""
    cells = [Cell(str(i), i, "code" if s.startswith("%") else "markdown", s.lstrip("%")) for i, s in enumerate(sources)]
    return [(each.level, each.title, each.first, each.last) for each in sections(cells, len(cells))]


def test_a_section_ends_before_the_next_heading_of_its_level_or_a_higher_one() -> None:
    assert of("%import", "# A", "%a", "## A1", "%a1", "## A2", "%a2", "# B") == [
        (0, "(before the first heading)", 0, 0),
        (1, "A", 1, 6),
        (2, "A1", 3, 4),
        (2, "A2", 5, 6),
        (1, "B", 7, 7),
    ]


def test_several_headings_of_one_cell_are_told_each() -> None:
    assert of("# A\ntext\n## B ##\n# C", "%c") == [(1, "A", 0, 0), (2, "B", 0, 0), (1, "C", 0, 1)]


def test_what_is_no_heading_is_not_told() -> None:
    fences = "```\n# in a fence\n```\n~~~~\n# there, too\n~~~\n~~~~"
    assert of(f"#tag\n    # code\n{fences}\n####### seven", "%# comment") == [(0, "(before the first heading)", 0, 1)]


def test_what_closes_a_heading_is_not_its_text() -> None:
    assert of("# C#\n## D #\n# ##") == [(1, "C#", 0, 0), (2, "D", 0, 0), (1, "", 0, 0)]
    assert of("#", "\\# no") == [(1, "", 0, 1)]


def test_an_empty_notebook_has_no_section() -> None:
    assert of() == []
