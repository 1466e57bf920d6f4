"""Where the messages of one kernel belong, for as long as its process lives. Without sockets.

As in JupyterLab and nbclient a request's outputs belong to its cell also after it has ended, a display's new state goes
to every output of its id, whichever cell sent it, and an Output widget takes what it was told to take.
"""

from __future__ import annotations

from collections.abc import Callable

from ..jupyter.messages import Message, is_stray
from ..outputs.log import OutputLog, display_id_of
from ..outputs.transcript import Mark
from ..outputs.widgets import Widgets
from .executions import Execution

DISPLAYS = ("display_data", "execute_result", "update_display_data")
OUTPUTS = ("stream", "error", "clear_output", *DISPLAYS)
MOST_DISPLAYS = 10_000
"""Display ids of a kernel that are known; the oldest are forgotten first."""


class Router:
    """What one kernel says, handed to the execution, the display or the widget that it belongs to.

    `late` is called with each execution that has changed after its end; `captured` with the id of each Output widget
    that has taken something, and whether the run that this came from has ended.
    """

    def __init__(self, late: Callable[[Execution], None], captured: Callable[[str, bool], None]) -> None:
        self._late = late
        self._captured = captured
        self._executions: dict[str, Execution] = {}
        self._last = ""
        """The request that ran last, whoever sent it."""
        self._displays: dict[str, dict[OutputLog, None]] = {}
        self.widgets = Widgets(self._show_widget)

    def add(self, execution: Execution) -> None:
        """What answers this execution's request belongs to it from now on."""
        self._executions[execution.request_id] = execution
        execution.widgets = self.widgets
        execution.log.tell_widget = self.widgets.text

    def forget(self, execution: Execution) -> None:
        """Nothing belongs to this execution any more."""
        self._executions.pop(execution.request_id, None)
        for id, logs in list(self._displays.items()):
            logs.pop(execution.log, None)
            if not logs:
                del self._displays[id]

    def take(self, execution: Execution, message: Message, *, from_server: bool = False) -> None:
        """Take what answers an execution. `from_server` marks what Jupyter wrote in the kernel's name."""
        if execution.has_taken(message):  # it comes again, from the journal or a buffer
            return
        if message.type == "execute_input":
            self._last = execution.request_id
        if message.type.startswith("comm_"):
            self.widgets.hear(message.type, message.content)
        widget = self.widgets.capturing(execution.request_id) if message.type in OUTPUTS and not from_server else None
        into = execution.log if widget is None else self.widgets.captured(widget)
        if message.type in DISPLAYS:
            self._show(message, into)
        ended = execution.finished.is_set()
        news = execution.feed(message, from_server=from_server, into=into)
        if widget is not None:
            self.widgets.touch(widget)
            self._captured(widget, ended)
        elif news and ended:
            self._late(execution)

    def overhear(self, message: Message, session: str) -> None:
        """Take a broadcast that no execution waits for: of one that has ended, or of somebody else's request.

        `session` is ours with this kernel.
        """
        if message.type == "execute_input":
            self._last = message.parent_id
        execution = self._executions.get(self._last if self._is_stray(message) else message.parent_id)
        if execution is not None:
            self.take(execution, message)
        elif message.type.startswith("comm_"):
            # A kernel repeats to all frontends what one has told it (`echo_update`, ipywidgets 8): we know ours.
            if message.parent.get("session") != session:
                self.widgets.hear(message.type, message.content)
        elif message.type in DISPLAYS:
            self._show(message, None)

    def _is_stray(self, message: Message) -> bool:
        """Whether this is of a thread of the cell that ran last, though it names another request.

        JupyterLab's widgets (jupyterlab_widgets 3) open a comm of their own and ask over it for all states as soon as
        Lab has found a kernel. What a widget's callback prints has the same form: without an Output widget to take it,
        it would be nowhere. On stderr a kernel without widgets says then that it knows no such comm: no cell's output.
        """
        if is_stray(message):
            return message.type in OUTPUTS
        of_comm = str(message.parent.get("msg_type", "")).startswith("comm_")
        printed = message.type == "stream" and message.content.get("name") == "stdout"
        return of_comm and printed and self.widgets.capturing(message.parent_id) is None

    def _show(self, message: Message, into: OutputLog | None) -> None:
        """Show a display's new state wherever its id was shown before, but in `into`, which is about to take it."""
        id = display_id_of(message.content)
        if not id:
            return
        logs = self._displays.setdefault(id, {})
        for log in [log for log in logs if log is not into]:
            before = log.transcript.mark()
            if log.update_display(message.content):
                self._changed(log, before)
            else:  # cleared since
                del logs[log]
        if into is not None and message.type != "update_display_data":
            logs[into] = None
        if not logs:
            del self._displays[id]
        elif len(self._displays) > MOST_DISPLAYS:
            del self._displays[next(iter(self._displays))]

    def _changed(self, log: OutputLog, before: Mark) -> None:
        for execution in self._executions.values():
            if execution.log is log:
                execution.shows_more(before)
                if execution.finished.is_set():
                    self._late(execution)
                return
        widget = self.widgets.owner(log)
        if widget is not None:
            self.widgets.touch(widget)
            self._captured(widget, True)

    def _show_widget(self, model_id: str) -> None:
        for execution in self._executions.values():
            if execution.log.change_widget(model_id):
                execution.shows_more()

    def close(self) -> None:
        """The kernel's process has ended: what it showed stays as it is."""
        for execution in self._executions.values():
            execution.log.transcript.settle()
        self._executions.clear()
        self._displays.clear()
        self.widgets.close()
