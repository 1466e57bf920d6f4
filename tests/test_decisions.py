"""Decisions are numbered pages that one index names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "decisions"
PAGES = sorted(page.name for page in FOLDER.glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Rejected, and why", "Measured", "Follow-ups"]


def test_the_index_names_each_page_once_in_the_order_of_the_numbers() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^- \[(\d{4})\]\((\d{4}-[a-z0-9-]+\.md)\): (.+)$", index, re.MULTILINE)
    assert [page for _, page, _ in named] == PAGES
    for number, page, title in named:
        assert page.startswith(f"{number}-")
        assert (FOLDER / page).read_text(encoding="utf-8").startswith(f"# {number}: {title}\n")


def test_no_number_is_left_out() -> None:
    assert [int(page[:4]) for page in PAGES] == list(range(1, len(PAGES) + 1))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_every_section_and_none_is_empty(page: str) -> None:
    text = (FOLDER / page).read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == SECTIONS
    assert all(content.strip() for content in parts[2::2])
