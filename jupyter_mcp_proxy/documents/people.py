"""How people and agents are shown in a shared document: what awareness says of each. Pure."""

from __future__ import annotations

from typing import Any

from pycrdt import Assoc, StickyIndex, Text


def person_name(state: dict[str, Any]) -> str:
    """What a person is called whose awareness has this state."""
    return str(state["user"].get("display_name") or state["user"].get("name") or "somebody")


def same_place(index: StickyIndex, position: dict[str, Any]) -> bool:
    """Whether a relative position of Yjs is that of an index."""
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
