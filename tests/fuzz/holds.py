"""What holds after every call, whatever it was: what an answer may say, and what has become of the notebook. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

INSIDES = re.compile(
    r"Traceback \(most recent|[Ii]nternal (server )?error|Error executing tool|<class |<\w[\w.]* object at"
    r"|site-packages|pydantic|jupyter_mcp_proxy\.|\b[A-Za-z_]*[a-z](?:Error|Exception)\b|\bNoneType\b"
    r"|validation error|\.py:\d+"
)
"""Words of a program's insides. A refusal has none of them but those that it repeats."""
STEP = re.compile(
    r"`\w+`|expected|Its parameters are|Near matches|You have|read what|decides this|list_\w+|read_\w+|write_file"
    r"|use_notebook|wait_execution|execute_\w+|interrupt_kernel|restart_notebook|run_cells|notebook_changes"
    r"|undo_changes|complete_code|\b(?:[Gg]ive|[Nn]ame|[Rr]etry|[Ll]ook|[Aa]sk|[Ll]eave|[Uu]se|Redo)\b"
)
"""What a refusal says besides what is wrong: the parameter and what is expected of it, or what to do."""
LEAST = 25


def wrong_with_refusal(told: str, repeated: str) -> str:
    """What is wrong with the words of a refusal, but for those that it repeats of the call or the notebook."""
    for found in INSIDES.finditer(told):
        if found[0] not in repeated:
            return f"says {found[0]!r}"
    if len(told) < LEAST or not STEP.search(told):
        return "names no next step"
    return ""


def cells_of(content: dict[str, Any], with_ids: bool) -> list[str]:
    """Each cell as one text, without what is Jupyter's own in it: `trusted`, and ids that it has made up.

    An empty `attachments` is left out: jupyter_ydoc (4.2, `YNotebook.create_ycell`) has none of it in a room.
    """
    found = []
    for cell in content["cells"]:
        kept = {name: each for name, each in cell.items() if name != "id" or with_ids}
        if not kept.get("attachments", True):
            del kept["attachments"]
        kept["metadata"] = {name: each for name, each in cell.get("metadata", {}).items() if name != "trusted"}
        kept["source"] = "".join(cell["source"])
        found.append(json.dumps(_whole(kept), sort_keys=True))
    return found


def _whole(value: Any) -> Any:
    """A value with each float that is a whole number as an int: a room knows no difference."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_outputs(cell: str) -> str:
    """A cell without what a run writes into it."""
    kept = json.loads(cell)
    for name in ("outputs", "execution_count"):
        kept.pop(name, None)
    kept["metadata"].pop("execution", None)
    return json.dumps(kept, sort_keys=True)


def first_missing(untouched: Iterable[str], now: list[str]) -> str | None:
    """The first of some cells that is not there any more as it was, behind those before it."""
    left = iter(now)
    return next((cell for cell in untouched if not any(cell == each for each in left)), None)
