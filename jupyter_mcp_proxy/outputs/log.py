"""What a kernel sends while it runs a cell, as the cell's outputs. Pure but for the spool of
its transcript."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from .changes import Append, Change, Clear, Extend, Output, Replace, anew, output_size
from .rich import bundle, joined, size_text
from .text import output_text
from .transcript import Block, Transcript

STORED_LIMIT = 10_000_000
"""Characters of output that a cell keeps; what comes after is only in the transcript."""
MOST_OUTPUTS = 2000
"""Outputs that a cell keeps: Yjs finds each of them by its number, which takes the square of their number for all.
Jupyter (2.21) does so whenever it saves a shared notebook: 0.1 s for 2,000, 10 s for 20,000, answering nobody then."""
MOST_FOLLOWING = 20
"""Outputs of one display id in a run that show its new states; the oldest of more stay as they are, and are told as
their number: to make text of a large table takes 30 ms, and in JupyterLab all of them show the last state anyhow."""
LARGE = 1_000_000
"""Characters of an output that is named where the cell has no room for it."""

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
"""The type of an output that shows a widget, named by its model's id."""


class OutputLog:
    """The outputs of one execution or of one Output widget, and what has changed since they were last written."""

    def __init__(self, outputs: list[Output] | None = None) -> None:
        self._outputs: list[Output] = outputs or []
        self._tail: list[str] = []
        """Pieces of the last output's text, not joined yet: a long stream comes in very many."""
        self._transcript = Transcript()
        self.stored_chars = 0
        self.left_out_chars = 0
        self._pending: list[Change] = []
        self._replaced: dict[int, int] = {}
        """For an output that shows something else now the place of that change among those pending."""
        self._displays: dict[str, list[_Shown]] = {}
        self._states: dict[str, dict[str, Any]] = {}
        """The last state of a display id that its outputs do not show yet: thousands may come before one is read."""
        self._earlier: dict[str, tuple[Block, int]] = {}
        """Of a display id with more outputs than follow it the first that is told as a number, and that number."""
        self._views: dict[str, list[Block]] = {}
        """The blocks of the transcript that show a widget, by its model's id."""
        self.tell_widget: Callable[[str], str] = lambda _: ""
        """What a widget shows, by its model's id; empty where that is not known."""
        self._told: tuple[object, str] = (None, "")
        """What a display says that was last asked for, and its text."""
        self._clear_before_next = False
        self._stream = ""
        """The stream that the transcript ends with, if it ends with one."""

    @property
    def outputs(self) -> list[Output]:
        """nbformat's outputs, as the cell shall show them."""
        self._catch_up()
        return self._joined()

    @property
    def transcript(self) -> Transcript:
        """All of it as text."""
        self._catch_up()
        return self._transcript

    def _joined(self) -> list[Output]:
        if self._tail:
            self._outputs[-1]["text"] += "".join(self._tail)
            self._tail.clear()
        return self._outputs

    @property
    def has_changes(self) -> bool:
        """Whether something has changed since the changes were last taken."""
        return bool(self._pending or self._states)

    def take_changes(self) -> list[Change]:
        """The changes since the last call; adjoining pieces of one stream are one change."""
        self._catch_up()
        taken: list[Change] = []
        for (kind, index), group in groupby(self._pending, key=lambda change: (type(change), _stream_of(change))):
            if kind is Extend:
                taken.append(Extend(index, "".join(change.text for change in group if isinstance(change, Extend))))
            else:
                taken.extend(group)
        self._pending.clear()
        self._replaced.clear()
        return taken

    def since_cleared(self, changes: list[Change]) -> list[Change]:
        """The same changes for a cell whose outputs somebody has cleared: from now on there is what they add."""
        if any(isinstance(change, Clear) for change in changes):
            return changes
        first = len(self.outputs) - sum(isinstance(change, Append) for change in changes)
        kept = self.outputs[first:]
        goes_on = "".join(c.text for c in changes if isinstance(c, Extend) and c.index == first - 1)
        if goes_on:
            kept.insert(0, self.outputs[first - 1] | {"text": goes_on})
        gone = len(self.outputs) - len(kept)
        for shown in (each for those in self._displays.values() for each in those):
            shown.index = shown.index - gone if shown.index is not None and shown.index >= gone else None
        self._outputs = kept
        return anew(kept)[1:]

    def stream(self, name: str, text: str) -> None:
        """Printed text. `name` is stdout or stderr."""
        self._before_output()
        if self._stream != name:  # in the notebook it is another output, below the other
            self._transcript.end_line()
            self._stream = name
        self._transcript.write(text)
        room = STORED_LIMIT - self.stored_chars
        last = self._outputs[-1] if self._outputs else None
        goes_on = last is not None and last.get("output_type") == "stream" and last.get("name") == name
        if room <= 0 or not (goes_on or self._has_place):
            self.left_out_chars += len(text)
            return
        if len(text) > room:
            self.left_out_chars += len(text) - room
            text = text[:room]
        self.stored_chars += len(text)
        if goes_on:
            self._tail.append(text)
            self._pending.append(Extend(len(self._outputs) - 1, text))
        else:
            self._append({"output_type": "stream", "name": name, "text": text})

    def display(self, kind: str, content: dict[str, Any]) -> None:
        """A display_data or execute_result."""
        self._before_output()
        output: Output = {  # in nbclient's order, which code sees that looks at what a widget has captured
            "output_type": kind,
            "metadata": dict(content.get("metadata") or {}),
            "data": dict(content.get("data") or {}),
        }
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        display_id = display_id_of(content)
        if display_id:  # JupyterLab and nbclient show the new state in the earlier displays of an id, too
            self.update_display(content)
        self._keep(output, display_id)

    def update_display(self, content: dict[str, Any]) -> bool:
        """New content for the earlier displays of an id; whether there are any."""
        id = display_id_of(content)
        if not self._displays.get(id):
            return False
        self._states[id] = content
        return True

    def _catch_up(self) -> None:
        """Show the last states of displays wherever they are shown."""
        while self._states:
            id, content = self._states.popitem()
            state = {"data": dict(content.get("data") or {}), "metadata": dict(content.get("metadata") or {})}
            for each in self._displays.get(id, ()):
                if all(each.output.get(name) == value for name, value in state.items()):
                    continue
                each.output |= state
                self._note_view(each.output, each.block)
                self._transcript.change(each.block)
                if each.index is not None and self._grows(each):
                    self._outputs[each.index] = dict(each.output)
                    self._replace(each.index, dict(each.output))

    def _grows(self, shown: _Shown) -> bool:
        """Whether the cell has room for the new state of an output; it keeps the old one else."""
        assert shown.index is not None
        more = output_size(shown.output) - output_size(self._outputs[shown.index])
        if self.stored_chars + more > STORED_LIMIT:
            if not shown.is_left_out:
                self._leave_out(shown.output)
            shown.is_left_out = True
            return False
        self.stored_chars += more
        return True

    def _leave_out(self, output: Output) -> None:
        """Count an output that the cell does not keep, and name a large one: it is nowhere else."""
        size = output_size(output)
        self.left_out_chars += size or 1
        if size >= LARGE and (data := bundle(output)) and self._has_place:
            media = max(data, key=lambda each: len(joined(data[each])))
            self.notice(
                f"{media}, {size_text(data[media], media)}: too large for the notebook, which keeps 10 MB of output a "
                "cell, so it is not kept. Show less of it (of a picture fewer pixels), or have the code write it into "
                "a file."
            )

    def _tell_fewer(self, id: str, earlier: _Shown) -> None:
        """Tell an output as one of the many that its display id had before those that follow it."""
        first, count = self._earlier.get(id, (earlier.block, 0))
        self._earlier[id] = first, count + 1
        earlier.block.show = str
        first.show = f"[{count + 1:,} earlier outputs of the same display id]".__str__
        self._transcript.change(earlier.block)
        self._transcript.change(first)

    def _replace(self, index: int, output: Output) -> None:
        """Only the last of an output's states is written: code may show thousands of them a second."""
        if index in self._replaced:
            self._pending[self._replaced[index]] = Replace(index, output)
        else:
            self._replaced[index] = len(self._pending)
            self._pending.append(Replace(index, output))

    def change_widget(self, model_id: str) -> bool:
        """A widget shows something else now; whether it is shown here."""
        self._catch_up()
        for block in self._views.get(model_id, ()):
            self._transcript.change(block)
        return model_id in self._views

    def error(self, content: dict[str, Any]) -> None:
        """An exception in the kernel's language."""
        self._before_output()
        self._keep(
            {
                "output_type": "error",
                "ename": str(content.get("ename", "")),
                "evalue": str(content.get("evalue", "")),
                "traceback": [str(line) for line in content.get("traceback") or []],
            },
            always=True,
        )

    def notice(self, text: str) -> None:
        """A line of ours in the cell, where a person must know what the output lacks."""
        self._transcript.write_block(f"[mcp-proxy] {text}")
        self._append({"output_type": "stream", "name": "stderr", "text": f"[mcp-proxy] {text}\n"})

    def say(self, text: str) -> None:
        """Something that is told and is no output of the cell."""
        self._transcript.write_block(text)

    def replace(self, outputs: object) -> None:
        """Show these instead, as an Output widget does whose `outputs` are set."""
        self.clear(wait=False)
        for output in outputs if isinstance(outputs, list | tuple) else ():
            if not isinstance(output, dict):
                continue
            if output.get("output_type") == "stream":
                self.stream(str(output.get("name", "stdout")), joined(output.get("text", "")))
            elif output.get("output_type") == "error":
                self.error(output)
            else:
                self.display(str(output.get("output_type") or "display_data"), output)

    def clear(self, wait: bool) -> None:
        """Forget what was shown; with `wait` only when something new comes."""
        if wait:
            self._clear_before_next = True
            return
        self._clear_before_next = False
        self._states.clear()
        self._joined().clear()
        self._transcript.clear()
        self._stream = ""
        self._displays.clear()
        self._earlier.clear()
        self._views.clear()
        self.stored_chars = 0
        self._pending = [Clear()]
        self._replaced.clear()

    def _before_output(self) -> None:
        if self._clear_before_next:
            self.clear(wait=False)

    @property
    def _has_place(self) -> bool:
        return len(self._outputs) < MOST_OUTPUTS

    def _keep(self, output: Output, display_id: str = "", *, always: bool = False) -> None:
        """Keep an output, in the cell if there is room for it, or `always`."""
        self._stream = ""
        # What the cell has no place for stays as it was: each new state would be told to all of very many.
        can_change = self._has_place and (display_id or widget_of(output))
        shown = _Shown(output) if can_change else None
        if shown is None:
            self._transcript.write_block(output_text(output))
        else:
            shown.block = self._transcript.open_block(lambda: self._tell(shown.output))
            self._note_view(output, shown.block)
            if display_id:
                following = self._displays.setdefault(display_id, [])
                following.append(shown)
                if len(following) > MOST_FOLLOWING:
                    self._catch_up()
                    self._tell_fewer(display_id, following[0])
                del following[:-MOST_FOLLOWING]
        size = output_size(output)
        if not always and (self.stored_chars + size > STORED_LIMIT or not self._has_place):
            self._leave_out(output)
            return
        self.stored_chars += size
        self._append(dict(output))
        if shown is not None:
            shown.index = len(self._outputs) - 1

    def _tell(self, output: Output) -> str:
        if told := self.tell_widget(widget_of(output)):
            return told
        data = output.get("data")
        if data is not self._told[0]:  # all outputs of a display id have the same
            self._told = data, output_text(output)
        return self._told[1]

    def _note_view(self, output: Output, block: Block) -> None:
        model_id = widget_of(output)
        if model_id and block not in self._views.get(model_id, ()):
            self._views.setdefault(model_id, []).append(block)

    def _append(self, output: Output) -> None:
        self._joined().append(output)  # joins what is left of the stream before it
        self._pending.append(Append(dict(output)))


class _Shown:
    """An output that may show something else later."""

    block: Block

    def __init__(self, output: Output) -> None:
        self.output = output
        self.index: int | None = None
        """Its place in the cell; None where the cell has no room for it."""
        self.is_left_out = False
        """Whether the cell had no room for a state of it, which was told."""


def display_id_of(content: dict[str, Any]) -> str:
    """The id under which a display can be updated; empty where it has none."""
    transient = content.get("transient")
    return str(transient.get("display_id") or "") if isinstance(transient, dict) else ""


def widget_of(output: Output) -> str:
    """The id of the model of the widget that an output shows; empty where it shows none."""
    view = (output.get("data") or {}).get(WIDGET_VIEW)
    return str(view.get("model_id") or "") if isinstance(view, dict) else ""


def _stream_of(change: Change) -> int:
    return change.index if isinstance(change, Extend) else -1
