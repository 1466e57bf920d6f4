"""Clients' files: the entry is put in, replaced and taken out, and every other character stays."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mcp_proxy.cli.files import in_toml, in_yaml, jsonc
from jupyter_mcp_proxy.cli.files.disk import difference
from jupyter_mcp_proxy.cli.files.entries import Entry, NotEditable, changed

URL = {"type": "http", "url": "http://127.0.0.1:8888/mcp-proxy/mcp"}
OTHER = {"type": "http", "url": "http://127.0.0.1:9999/mcp-proxy/mcp", "headers": {"Authorization": 'Bearer a"b\\c'}}

ZED = """\
// Zed settings
//
// For information, see the docs
{
  "ui_font_size": 16, // large
  /* the theme */
  "theme": {
    "mode": "system",
    "light": "One Light",
  },
  "context_servers": {
    "other": {
      "url": "https://x.org//mcp", // not a comment in the string
    },
    // "old": { "url": "no more" },
  },
  "vim_mode": true,
}
"""
VSCODE = '{\n\t"servers": {\n\t\t"other": {\n\t\t\t"command": "x"\n\t\t}\n\t},\n\t"inputs": []\n}'
CLAUDE = '{\n  "numStartups": 3,\n  "projects": {\n    "/a": {"mcpServers": {"jupyter": {"url": "its own"}}}\n  }\n}\n'
JSONS = {
    "nothing": "",
    "blank": "\n",
    "only a comment": "// mine\n",
    "empty": "{}",
    "empty with a line": "{}\n",
    "open": "{\n}\n",
    "minified": '{"a":1,"mcpServers":{"other":{"command":"x"}}}',
    "minified and empty": '{"mcpServers":{}}',
    "on one line": '{ "a": 1, "mcpServers": { "other": { "command": "x" } } }\n',
    "two spaces": '{\n  "mcpServers": {\n    "other": {\n      "command": "x"\n    }\n  },\n  "a": 1\n}\n',
    "four spaces": '{\n    "a": [1, 2],\n    "mcpServers": {}\n}',
    "null": '{\n  "a": 1\n}\n',
    "comment at the end": '{\n  "mcpServers": {\n    "other": {} // the last\n    // nothing more\n  }\n}\n',
    "comma on the next line": '{\n  "mcpServers": {\n    "a": {}\n  , "b": {}\n  }\n}\n',
    "unicode": '{\n  "größe ☃": "\\u0041 \\" // no",\n  "mcpServers": {\n    "o": {}\n  }\n}\n',
    "claude": CLAUDE,
}
TOMLS = {
    "nothing": "",
    "no end": 'model = "o3"',
    "codex": '# mine\nmodel = "o3" # it\n\n[mcp_servers.other]\ncommand = "x" # it\n\n# about it\n[history]\nmax = 1\n',
    "last": '[mcp_servers.other]\ncommand = "x"\n[mcp_servers.other.env]\nA = "1"\n\n\n# the end\n',
    "arrays": '[[a]]\nb = 1\n\n[[a]]\nb = """\n[not a heading]\n"""\n',
    "spaces": '  [ mcp_servers . "other" ]  # odd\n  url = "x"\n',
}
YAMLS = {
    "nothing": "",
    "comment": "# mine\n",
    "no extensions": "GOOSE_PROVIDER: openai\nnone: ~",
    "goose": "extensions:\n  developer:\n    enabled: true # yes\n    type: builtin\n\n"
    "  # mine\n  other:\n    args:\n    - a\n    - b\n\n# then\nX: 1\n",
    "deep": "a: 1\nextensions:\n      other:\n            text: |\n              two\n              lines\nb: 2\n",
    "empty": "extensions: {} # none\nb: 2\n",
    "null": "extensions:\nb: 2\n",
    "no end": "extensions:\n  o:\n    a: 'it''s'",
}
Format = tuple[Callable[[str], Mapping[str, Any]], Callable[[str, Entry], str], tuple[str, ...], dict[str, str]]
FORMATS: dict[str, Format] = {
    "json": (jsonc.read, jsonc.edit, ("mcpServers",), JSONS),
    "toml": (in_toml.read, in_toml.edit, ("mcp_servers",), TOMLS),
    "yaml": (in_yaml.read, in_yaml.edit, ("extensions",), YAMLS),
}
EVERY = [(language, name) for language, (_, _, _, texts) in FORMATS.items() for name in texts]


def put(language: str, text: str, value: Any, name: str = "jupyter") -> str:
    read, edit, keys, _ = FORMATS[language]
    return changed(text, Entry(keys, name, value), read, edit)


def taken(language: str, text: str) -> Any:
    read, _, keys, _ = FORMATS[language]
    return Entry(keys, "jupyter", None).found_in(read(text.removeprefix("\ufeff")))


def lost(before: str, after: str) -> list[str]:
    """The lines that are no more, but for a comma at their end and what said that there was nothing."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    gone = [line[2:] for line in lines if line.startswith("- ")]
    kept = {line.rstrip().removesuffix(",") for line in after.splitlines()}
    return [line for line in gone if line.rstrip() not in kept and line.replace(" //", ", //") not in after]


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "bom"])
@pytest.mark.parametrize(("language", "name"), EVERY)
def test_the_entry_is_put_in_replaced_and_taken_out(language: str, name: str, mark: str, ends: str) -> None:
    text = mark + FORMATS[language][3][name].replace("\n", ends)
    read = FORMATS[language][0]
    made = put(language, text, URL)
    assert taken(language, made) == URL
    assert made.startswith(mark)
    assert ("\n" in made.replace("\r\n", "")) <= (ends == "\n" or ends not in text), "line ends are those of the file"
    again = put(language, made, OTHER)
    assert taken(language, again) == OTHER
    assert put(language, again, OTHER) == again
    assert put(language, again, URL) == made, "an entry is replaced where it stands"
    gone = put(language, again, None)
    assert taken(language, gone) is None
    holds = {key: value for key, value in read(gone.removeprefix("\ufeff")).items() if value}
    assert holds == {key: value for key, value in read(text.removeprefix("\ufeff")).items() if value}
    for line in text.removeprefix("\ufeff").splitlines():
        if any(sign in line for sign in ("//", "#", "/*")):
            comment = line[min(line.find(sign) for sign in ("//", "#", "/*") if sign in line) :]
            assert comment in made
            assert comment in gone


@pytest.mark.parametrize(("language", "name"), EVERY)
def test_no_line_is_lost(language: str, name: str) -> None:
    text = FORMATS[language][3][name]
    if "\n" not in text.strip() and "{" in text:
        return  # it is one line, which the entry is put into
    empty = [line for line in lost(text, put(language, text, URL)) if "{}" not in line]
    assert empty == []


@pytest.mark.parametrize("name", ["zed", "vscode"])
def test_an_editors_settings_are_the_same_to_the_letter_once_the_entry_is_out(name: str) -> None:
    text, key = {"zed": (ZED, "context_servers"), "vscode": (VSCODE, "servers")}[name]
    made = changed(text, Entry((key,), "jupyter", URL), jsonc.read, jsonc.edit)
    assert changed(made, Entry((key,), "jupyter", None), jsonc.read, jsonc.edit) == text
    added = [line[2:] for line in difflib.ndiff(text.splitlines(), made.splitlines()) if line.startswith("+ ")]
    indent = "\t" if name == "vscode" else "  "
    assert f'{indent * 2}"jupyter": {{' in added
    assert f'{indent * 3}"type": "http",' in added


def test_codex_file_has_the_table_at_its_end_and_what_is_about_the_next_stays() -> None:
    made = put("toml", TOMLS["codex"], {"url": "u"})
    assert made == TOMLS["codex"] + '\n[mcp_servers.jupyter]\nurl = "u"\n'
    between = TOMLS["codex"].replace(
        "# about", '[mcp_servers.jupyter]\nurl = "u"\n[mcp_servers.jupyter.env]\nA = "1"\n\n# about'
    )
    assert put("toml", between, None) == TOMLS["codex"]


def test_gooses_file_has_the_block_after_the_last_one() -> None:
    made = put("yaml", YAMLS["goose"], {"enabled": True, "uri": "u", "headers": {"A": "yes: no"}})
    block = '  jupyter:\n    enabled: true\n    uri: u\n    headers:\n      A: "yes: no"\n'
    assert made == YAMLS["goose"].replace("    - b\n", "    - b\n" + block)


def test_a_list_of_named_servers_is_kept_as_one() -> None:
    named = {"type": "http", "name": "jupyter", "url": "u", "headers": []}
    entry = Entry(("mcp_servers",), "jupyter", named, listed=True)
    assert json.loads(changed("", entry, jsonc.read, jsonc.edit)) == {"mcp_servers": [named]}
    text = (
        '{\n  "mcp_servers": [\n    {"name": "a"},\n    {"name": "jupyter", "url": "old"},\n    {"name": "b"}\n  ]\n}\n'
    )
    made = changed(text, entry, jsonc.read, jsonc.edit)
    assert json.loads(made)["mcp_servers"] == [{"name": "a"}, named, {"name": "b"}]
    gone = changed(made, Entry(("mcp_servers",), "jupyter", None, listed=True), jsonc.read, jsonc.edit)
    assert gone == text.replace('    {"name": "jupyter", "url": "old"},\n', "")


def test_what_leads_to_the_servers_is_made_where_it_is_missing() -> None:
    entry = Entry(("mcp", "servers"), "jupyter", URL)
    made = changed('{\n  "$schema": "x", // which\n}\n', entry, jsonc.read, jsonc.edit)
    assert jsonc.read(made) == {"$schema": "x", "mcp": {"servers": {"jupyter": URL}}}
    assert made.startswith('{\n  "$schema": "x", // which\n  "mcp": {\n    "servers": {\n')
    inner = changed('{"mcp": {"other": {}}}', entry, jsonc.read, jsonc.edit)
    assert json.loads(inner) == {"mcp": {"other": {}, "servers": {"jupyter": URL}}}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("json", "[]"), ("json", "{"), ("json", '{"a": 1 "b": 2}'), ("json", '{"mcpServers": []}'),
        ("json", "{'a': 1}"),
        ("json", '{"mcpServers": "x"}'), ("json", "{} {}"), ("json", '{"a": nonsense}'), ("json", "[" * 10_000),
        ("json", '{"mcpServers": {"jupyter": {}}, "mcpServers": {"jupyter": {}, "b": {}}, "mcpServers": 1}'),
        ("toml", "a = "), ("toml", 'mcp_servers = "x"'), ("toml", 'mcp_servers = { jupyter = { url = "x" } }'),
        ("toml", 'mcp_servers.jupyter.url = "x"'),
        ("yaml", "- a"), ("yaml", "a: [1"), ("yaml", "{extensions: {a: {}}}"), ("yaml", "extensions: {a: {}}"),
        ("yaml", "extensions: 1"), ("yaml", "a: 1\n...\n"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_left_alone(language: str, text: str) -> None:
    with pytest.raises((NotEditable, RecursionError)):
        put(language, text, URL)


@pytest.mark.parametrize(
    ("language", "text"), [("toml", 'mcp_servers = { other = { url = "x" } }\n'), ("yaml", "---\na: 1\n...\n")]
)
def test_a_file_that_is_right_but_cannot_be_added_to_is_not_called_wrong(language: str, text: str) -> None:
    with pytest.raises(NotEditable) as told:
        put(language, text, URL)
    assert str(told.value) == "it is written in a way that an entry cannot be added to"


@pytest.mark.parametrize("text", ['{"mcpServers": null}', '{\n  "mcpServers": null, // none yet\n  "a": 1,\n}\n'])
def test_servers_that_are_null_are_no_servers(text: str) -> None:
    made = put("json", text, URL)
    assert jsonc.read(made)["mcpServers"] == {"jupyter": URL}
    assert ("// none yet" in made) == ("// none yet" in text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.text(max_size=6), VALUES, max_size=4),
    st.dictionaries(st.text(max_size=6), VALUES, max_size=3),
    st.sampled_from([None, 1, 2, 4, "\t"]),
    VALUES.filter(lambda value: value is not None),
)
def test_any_json_keeps_what_it_has(others: dict[str, Any], servers: dict[str, Any], indent: Any, value: Any) -> None:
    content = {**others, "mcpServers": servers}
    text = json.dumps(content, indent=indent)
    made = put("json", text, value)
    assert json.loads(made) == {**content, "mcpServers": {**servers, "jupyter": value}}
    gone = put("json", made, None)
    assert json.loads(gone) == {**content, "mcpServers": {k: v for k, v in servers.items() if k != "jupyter"}}
    if "jupyter" not in servers and servers:
        assert gone == text


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=3), st.integers(2, 6), st.booleans(), VALUES)
def test_any_yaml_keeps_what_it_has(servers: dict[str, Any], indent: int, sort: bool, last: Any) -> None:
    content = {"a": last, "extensions": servers, "z": last}
    text = yaml.safe_dump(content, indent=indent, sort_keys=sort, allow_unicode=True)
    if yaml.safe_load(text) != content:
        return  # what PyYAML does not read as it has written it
    try:
        made = put("yaml", text, URL)
    except NotEditable:
        return  # refused is not damaged
    assert yaml.safe_load(made) == {**content, "extensions": {**servers, "jupyter": URL}}
    if "jupyter" not in servers and servers:
        assert put("yaml", made, None) == text


def test_a_difference_shows_no_secret_and_no_neighbours() -> None:
    before = '{\n  "env": {"API_KEY": "sk-123"},\n  "jupyter": {"Authorization": "Bearer old-1"}\n}'
    after = before.replace("old-1", "jmp_0123abcd_new")
    shown = difference(before, after, "settings.json")
    assert "sk-123" not in shown
    assert "old-1" not in shown
    assert "_new" not in shown
    assert '+  "jupyter": {"Authorization": "Bearer …' in shown
    flat = difference(before.replace("\n", ""), after.replace("\n", ""), "settings.json")
    assert "sk-123" not in flat
    assert "_new" not in flat
