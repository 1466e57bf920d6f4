"""Who is online in JupyterLab, as another JupyterLab hears it."""

from __future__ import annotations

import pytest
from harness import JupyterProcess, connect, until

from jupyter_mcp_proxy.jupyter.awareness import GlobalAwareness
from jupyter_mcp_proxy.jupyter.server import JupyterServer

pytestmark = pytest.mark.anyio


def online(lab: GlobalAwareness) -> dict[str, str]:
    """The agents with the document that each has in front, as JupyterLab's list has them."""
    states = [state for state in lab._awareness.states.values() if state and state.get("agent")]
    return {state["user"]["display_name"]: state["current"] for state in states}


async def test_agents_are_online_with_the_notebook_that_they_work_in_until_they_close_it(
    live: JupyterProcess, name: str, label: str
) -> None:
    live.write_notebook(name, "1")
    other = f"other-{name}"
    live.write_notebook(other, "2")
    one, two = f"{label} one", f"{label} two"
    async with (
        JupyterServer(live.url, live.token) as api,
        GlobalAwareness(api) as lab,
        connect(live, name=one) as first,
        connect(live, "legacy", name=two) as second,
    ):
        await first.ok("read_cell", notebook=name, cell=0)
        await second.ok("read_cell", notebook=name, cell=0)
        at = {one: f"notebook:RTC:{name}", two: f"notebook:RTC:{name}"}
        await until(lambda: at.items() <= online(lab).items())
        await first.ok("use_notebook", notebook=other)
        await until(lambda: online(lab).get(one) == f"notebook:RTC:{other}")
        await first.ok("unuse_notebook", notebook=other)
        await until(lambda: one not in online(lab))
        assert two in online(lab)
        assert one not in [who for who, _ in lab.people()]
