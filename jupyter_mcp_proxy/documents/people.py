"""How people and agents are shown in a shared document: what awareness says of each. Pure."""

from __future__ import annotations

from typing import Any

from pycrdt import Array, Assoc, Awareness, Doc, StickyIndex, Text

from ..jupyter.writers import name_of


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


def _states(awareness: Awareness) -> list[dict[str, Any]]:
    return [state for state in awareness.states.values() if state and state.get("user") and not state.get("agent")]


def people_in(awareness: Awareness) -> list[str]:
    """The names of the people in a room."""
    return [name_of(state) for state in _states(awareness)]


def looks_at(doc: Doc[Any], awareness: Awareness, cells: Array[Any], ids: list[str], name: str) -> int | None:
    """The index of the cell that a person of that name is in."""
    for state in _states(awareness):
        if name_of(state) != name:
            continue
        if state.get("activeCellId") in ids:
            return ids.index(state["activeCellId"])
        for cursor in state.get("cursors") or []:
            index = cell_of(doc, cells, cursor.get("head"))
            if index is not None:
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


def online_state(name: str, path: str) -> dict[str, Any]:
    """What shows an agent among those who are online, with the notebook that it works in."""
    return {"user": _user(name), "agent": True, "current": f"notebook:RTC:{path}", "documents": [path]}


def colour_of(name: str) -> str:
    """The colour of a client, one of those that JupyterLab has for people who work together: that of its dot in the
    panel, which reckons alike (`colourOf`)."""
    return f"var(--jp-collaborator-color{sum(map(ord, name)) % 7 + 1})"


def _user(name: str) -> dict[str, Any]:
    initials = "".join(word[0] for word in name.split()[:2]).upper() or "AI"
    return {
        "username": f"mcp-proxy:{name}",
        "name": name,
        "display_name": name,
        "initials": initials,
        "color": colour_of(name),
        "avatar_url": None,
    }
