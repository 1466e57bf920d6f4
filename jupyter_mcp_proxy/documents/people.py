"""How people and agents are shown in a shared document: what awareness says of each. Pure."""

from __future__ import annotations

from typing import Any

from pycrdt import Array, Assoc, Doc, StickyIndex, Text


def cell_of(doc: Doc[Any], cells: Array[Any], position: Any) -> int | None:
    """The cell whose source a relative position of Yjs lies in: the one that has the same at that offset."""
    if not isinstance(position, dict):
        return None
    sticky = StickyIndex.from_json(position)
    with doc.transaction() as transaction:
        offset = sticky.get_index(transaction)
        for index, cell in enumerate(cells):
            source: Text = cell["source"]
            if offset > len(source):
                continue
            # The end of a text is where nothing stands behind: there pycrdt (0.14) panics if asked for what does.
            at_end = offset == len(source) and sticky.assoc is Assoc.AFTER
            own = source.sticky_index(0, Assoc.BEFORE) if at_end else source.sticky_index(offset, sticky.assoc)
            if _same_place(own, position):
                return index
    return None


def _same_place(index: StickyIndex, position: dict[str, Any]) -> bool:
    own = index.to_json()
    keys = ("item", "type")
    return any(own.get(key) is not None and own.get(key) == position.get(key) for key in keys)


def agent_state(name: str, cell_id: str | None, source: Text | None) -> dict[str, Any]:
    """What shows an agent, with a cursor where the source of its cell begins."""
    state: dict[str, Any] = {"user": _user(name), "agent": True, "activeCellId": cell_id, "cursors": []}
    if source is not None:
        # Where the cell begins: pycrdt counts other places in a text with more than ASCII wrongly.
        # Yjs in JupyterLab expects null for what pycrdt leaves out, and throws at every keystroke without it.
        start = {"type": None, "tname": None, "item": None, **source.sticky_index(0, Assoc.BEFORE).to_json()}
        state["cursors"] = [{"anchor": start, "head": start, "primary": True, "empty": True}]
    return state


def _user(name: str) -> dict[str, Any]:
    initials = "".join(word[0] for word in name.split()[:2]).upper() or "AI"
    return {
        "username": f"mcp-proxy:{name}",
        "name": name,
        "display_name": name,
        "initials": initials,
        "color": "var(--jp-collaborator-color7)",
        "avatar_url": None,
    }
