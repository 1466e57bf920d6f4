"""The languages of the pages that are not JupyterLab's: the one that the browser asks for, else English.

JupyterLab's own setting is of no use for them: it is read and written by JupyterLab's page, and stands in a folder that
the sidecar does not know. What JupyterLab itself says for us has its catalogues beside these (`LC_MESSAGES`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

FOLDERS = {"de": "de_DE", "fr": "fr_FR"}
"""Where the catalogue of a language is, below `locale`."""

_WANTED = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([0-9.]{1,5})\s*)?")


@dataclass(frozen=True)
class Language:
    """A language, and what each text is in it."""

    code: str
    texts: Mapping[str, str]

    def say(self, text: str) -> str:
        """The text in this language; as it stands where it has none."""
        return self.texts.get(text, text)

    def in_markup(self, text: str, *given: str) -> Markup:
        """The same for a template, with what belongs in the places of %1, %2 …; all of it is escaped."""
        from markupsafe import escape  # comes with Jinja, which is loaded with the first page

        pieces = re.split(r"%(\d)", self.say(text))
        return escape("").join(given[int(each) - 1] if place % 2 else each for place, each in enumerate(pieces))


@cache
def language(code: str) -> Language:
    """The language of this code, one of FOLDERS; any other is English, in which the texts are written."""
    if code not in FOLDERS:
        return Language("en", {})
    file = Path(__file__).parent / "locale" / FOLDERS[code] / "pages.json"
    return Language(code, json.loads(file.read_text(encoding="utf-8")))


def wanted(accepted: str) -> Language:
    """What a person would rather read, by their browser's header `Accept-Language`; of the regions none matters."""
    best, weight = "en", 0.0
    for part in accepted.split(","):
        found = _WANTED.fullmatch(part)
        if found is None:
            continue
        code, quality = found[1].lower(), _number(found[2])
        if quality > weight and (code == "en" or code in FOLDERS):
            best, weight = code, quality
    return language(best)


def _number(quality: str | None) -> float:
    try:
        return 1.0 if quality is None else float(quality)
    except ValueError:
        return 0.0
