"""A kernel's widgets (ipywidgets), as far as their messages were heard: what they hold, capture and show. Pure.

The messages are those of the Jupyter widgets messaging protocol 2: a comm for each model, whose state comes with
`comm_open` and in updates. An Output widget names in its `msg_id` the request whose outputs it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .changes import Output
from .log import OutputLog, widget_of
from .widget_text import State, text_of

MOST_WIDGETS = 10_000
"""Models of a kernel that are known; the oldest are forgotten first."""
SHOWN_OF_CAPTURED = 20_000
"""Characters of an Output widget that are told where it is shown: half from its beginning, half from its end."""


class Widgets:
    """The widgets of one kernel. `changed` is called with the id of each model whose view shows something else now."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._states: dict[str, State] = {}
        self._captured: dict[str, OutputLog] = {}
        self._capturing: dict[str, list[str]] = {}
        """For each request the Output widgets that take its outputs; the last does."""
        self._within: dict[str, set[str]] = {}
        """For each model the models whose text it is a part of."""

    def hear(self, kind: str, content: dict[str, Any]) -> None:
        """Take a message of a comm: `comm_open`, `comm_msg` or `comm_close`."""
        id, data = str(content.get("comm_id") or ""), content.get("data")
        if kind == "comm_close":
            self._forget(id)
            return
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(state, dict):
            return
        if kind == "comm_open" and content.get("target_name") == "jupyter.widget":
            self._states[id] = {}
            while len(self._states) > MOST_WIDGETS:
                self._forget(next(iter(self._states)))
        elif id not in self._states:
            return
        self._states[id].update(state)
        if self._states[id].get("_model_name") == "OutputModel":
            self._capture(id, state)
        self.touch(id)

    def touch(self, id: str) -> None:
        """A model shows something else now, and so does all that shows it."""
        for view in {id} | self._within.get(id, set()):
            self._changed(view)

    def _forget(self, id: str) -> None:
        self._states.pop(id, None)
        self._release(id)
        captured = self._captured.pop(id, None)
        if captured is not None:
            captured.transcript.close()

    def _capture(self, id: str, state: State) -> None:
        log = self._captured.get(id)
        if log is None:
            log = self._captured[id] = OutputLog()
            log.tell_widget = self.text
        if "outputs" in state:
            log.replace(state["outputs"])
        if "msg_id" in state:
            self._release(id)
            if state["msg_id"]:
                self._capturing.setdefault(str(state["msg_id"]), []).append(id)

    def _release(self, id: str) -> None:
        for request, stack in list(self._capturing.items()):
            if id in stack:
                stack.remove(id)
            if not stack:
                del self._capturing[request]

    def capturing(self, request_id: str) -> str | None:
        """The Output widget that takes the outputs of a request now."""
        stack = self._capturing.get(request_id)
        return stack[-1] if stack else None

    def captured(self, id: str) -> OutputLog:
        """What an Output widget holds."""
        return self._captured[id]

    def owner(self, log: OutputLog) -> str | None:
        """The Output widget that holds this."""
        return next((id for id, captured in self._captured.items() if captured is log), None)

    # -- what they show -------------------------------------------------------------------------------

    def text(self, id: str) -> str:
        """What a widget shows, as text; empty where it is not known."""

        above: list[str] = []

        def part(of: str) -> str:
            if of in above:  # one that holds itself
                return ""
            self._within.setdefault(of, set()).add(id)
            above.append(of)
            try:
                return self._captured_text(of) if of in self._captured else text_of(self._states.get(of, {}), part)
            finally:
                above.pop()

        return part(id) if id in self._states else ""

    def _captured_text(self, id: str) -> str:
        transcript = self._captured[id].transcript
        length, half = len(transcript), SHOWN_OF_CAPTURED // 2
        if length <= SHOWN_OF_CAPTURED:
            return transcript.read(0, length).rstrip("\n")
        left_out = f"\n… {length - 2 * half:,} characters left out; the widget's `outputs` has them …\n"
        return transcript.read(0, half) + left_out + transcript.read(length - half, half).rstrip("\n")

    def shown(self, outputs: list[Output]) -> list[Output]:
        """These outputs, and behind each that shows a widget what Output widgets in that have captured."""
        found: list[Output] = []
        for output in outputs:
            found.append(output)
            view = widget_of(output)
            if view:
                self.text(view)  # tells which are within
                for id, log in self._captured.items():
                    if view in self._within.get(id, ()):
                        found += log.outputs
        return found

    def close(self) -> None:
        """Forget all: the kernel's process has ended."""
        for id in list(self._states):
            self._forget(id)
        self._capturing.clear()
        self._within.clear()
