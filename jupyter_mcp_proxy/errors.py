"""Everything that can go wrong, in one tree; the sentence of each is made here.

ProxyError
├── Unknown            a notebook, cell, kernel, kernelspec, file or execution that is not there
│   └── Gone           an open notebook whose file is deleted, or moved to where nobody looks
├── Ambiguous          a cell prefix that fits several cells
│   └── AmbiguousToken a name that several scoped tokens have (`store/token_errors.py`, as the next of tokens)
├── ProtectedCell      a cell that its author has marked as not to be edited, or not to be deleted
├── StaleCell          a write based on a source that is no longer current
├── OtherCell          an index that means another cell than it did
├── NotLooked          an index, where what its caller had seen was lost in a crash
├── StaleFile          a write based on a file's content that is no longer current
├── TooLittleMemory    a call that takes more than the sidecar may have
├── InvalidNotebook    a file that is not a readable notebook
├── OutsideRoot        a path that leaves the server's root
├── PathRefused        a path that the settings keep from agents
├── PathReadOnly       a path that agents may read and not write
├── Conflict           the file changed while it was being written
├── CollapsedDocument  the shared document is empty or far smaller than its file
├── NotSaved           the server could not write the file
├── NotShareable       a value that a shared document cannot hold or be saved with
├── MaybeSaved         the server did not answer a write: it may have been made
├── CannotUndo         taking a change back would take somebody else's work along
├── NotAllowed         beyond the caller's tier
├── Paused             an edit or a run while a person has paused agents
├── TokenRefused       a scoped token that does not open this endpoint
├── TokensUnreadable   the file of scoped tokens is damaged or cannot be read or written
├── NameTaken          a new scoped token with the name of one that still works
├── NotNamed           a notebook left out where it has to be named
├── BadValue           a parameter with a value that makes no sense
├── NotAnswered        an answer to a question that was not asked of this client, or not by us
├── NotRun             a cell that was inserted, but could not be run
├── KernelFailed       a kernel that would not start or answer
├── KernelBusy         something that cannot be done while the kernel runs
└── ServerError        an answer of the Jupyter server that we did not expect
    └── ServerUnreachable

The exception holds the data. Each sentence says what happened, whether a retry makes sense, and the next call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

LONGEST_VALUE = 300
"""Characters of a value that an error tells."""

TILE = "the tile 'Connect an AI agent' in JupyterLab's launcher"
"""What leads a person to the page that connects clients."""


class ProxyError(Exception):
    """Base of all; its text is meant for a model and for a person."""


class Unknown(ProxyError):
    """Something named that is not there. `near` are the names it may have been meant for."""

    def __init__(self, kind: str, name: str, near: Sequence[str] = (), hint: str = "") -> None:
        self.kind, self.name, self.near = kind, name, list(near)
        text = f"There is no {kind} {name!r}."
        if near:
            text += f" Near matches: {', '.join(near)}."
        super().__init__(f"{text} {hint}".strip())


class Gone(Unknown):
    """An open notebook whose file is not there any more. `snapshot` names what is kept of it, if anything is."""

    def __init__(self, path: str, snapshot: str | None) -> None:
        self.path, self.snapshot = path, snapshot
        restore = f"`jupyter mcp-proxy snapshots --restore {snapshot} --to FILE`"
        kept = f"What it held is in the snapshot {snapshot}: the person gets it back with {restore}."
        kept = kept if snapshot else "No snapshot of it could be taken."
        super().__init__("notebook", path)
        self.args = (
            f"{path!r} is gone: its file was deleted, or moved to where this server does not show it. Nothing was "
            f"done, and a retry will not help until it is back. {kept} list_files shows what there is.",
        )


class Ambiguous(ProxyError):
    """A prefix that several cells share."""

    def __init__(self, name: str, matches: Sequence[str]) -> None:
        self.name, self.matches = name, list(matches)
        super().__init__(f"Cell {name!r} fits several cells: {', '.join(matches)}. Give more of the id.")


class ProtectedCell(ProxyError):
    """A cell whose metadata keep it as it is: `deletable` or `editable` is false."""

    def __init__(self, cell: str, mark: Literal["deletable", "editable"]) -> None:
        self.cell, self.mark = cell, mark
        kept = "deleting" if mark == "deletable" else "changing its source or type"
        super().__init__(
            f"Cell {cell} is protected against {kept}: its metadata say `{mark}: false`, as courses mark what is to "
            "stay. Nothing was changed and a retry will not help. Put your own cell beside it, or ask the person, who "
            "can lift that in JupyterLab's property inspector (Advanced Tools, Cell Metadata)."
        )


class StaleCell(ProxyError):
    """A write whose `if_hash` is not the hash of the cell's current source; `shown` is what is told of a long one."""

    def __init__(self, cell: str, source: str, digest: str, shown: str | None = None) -> None:
        self.cell, self.source, self.digest = cell, source, digest
        super().__init__(
            f"Cell {cell} changed since you read it; nothing was written. Its source is now (hash {digest}):"
            f"\n{source if shown is None else shown}\nRedo your change on this source and pass this hash as if_hash."
        )


class OtherCell(ProxyError):
    """An index that means another cell than the caller knows; `where` says where that is, never what is here now."""

    def __init__(self, index: int | str, where: str, why: str = "") -> None:
        self.index, self.where = index, where
        story = f" {why}" if why else ""
        super().__init__(f"Index {index} is another cell; {where}.{story} Nothing was done: name cells by their ids.")


class NotLooked(ProxyError):
    """An index from a caller who may have seen the notebook before a restart or long ago, and was told nothing."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(
            f"Index {index} may be another cell: what clients had seen of this notebook was forgotten (the sidecar was "
            "started anew, or you had called nothing for an hour). Nothing was done: look again with list_cells, or "
            "name cells by their ids."
        )


class StaleFile(ProxyError):
    """A write whose `if_hash` is not the hash of the file's current content; `digest` is empty where it is gone."""

    def __init__(self, path: str, digest: str) -> None:
        self.path, self.digest = path, digest
        if digest:
            super().__init__(
                f"{path!r} changed since you read it; nothing was written. read_file(path={path!r}) shows its current "
                "content and hash: redo your change on that."
            )
        else:
            super().__init__(
                f"{path!r} is no longer there; nothing was written. Leave if_hash out to write it anew, or find it "
                "with list_files."
            )


class TooLittleMemory(ProxyError):
    """The sidecar may not have as much memory as a call takes."""

    def __init__(self, *, changes: bool) -> None:
        done = (
            "What it was to change may have been changed: look before you repeat it" if changes else "Nothing was done"
        )
        super().__init__(
            f"The sidecar has too little memory for this call. {done}. Ask for less; a person may give the server more."
        )


class InvalidNotebook(ProxyError):
    """A file that cannot be read as a notebook; it was not touched."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path!r} is not a readable notebook: {reason}. The file was not touched; retrying will not help. "
            "Look at it with read_file."
        )


class OutsideRoot(ProxyError):
    """A path that leads out of the server's root."""

    def __init__(self, path: str, root: str = "") -> None:
        self.path = path
        super().__init__(
            f"{path!r} leads out of the server's root folder{f' {root}' if root else ''}, which is refused. "
            "Paths are relative to that root; list_files shows them."
        )


class PathRefused(ProxyError):
    """A path that is not open to agents, whether it is there or not, or a folder with such a path `within` it."""

    def __init__(self, path: str, *, within: bool = False) -> None:
        self.path = path
        super().__init__(
            f"{path!r} {'has in it what ' if within else ''}is not open to agents on this server; nothing was done "
            "and a retry will not help. The person who runs it decides this (MCPProxy.allowed_paths, "
            "MCPProxy.refused_paths); list_files shows what is open."
        )


class PathReadOnly(ProxyError):
    """A path that agents may not write, as something would run what is there without being asked to."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"{path!r} is not for agents to write: Jupyter, Python or a shell may run or heed such a file unasked, or "
            "it is hidden. Nothing was changed and a retry will not help; the person who runs the server decides this "
            "(MCPProxy.read_only_paths). Another name may do, or ask the person to write it."
        )


class Conflict(ProxyError):
    """The file changed between our reading and our writing it."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"{path!r} is being changed on disk by somebody else; nothing was written. "
            "Read the cells again, then retry."
        )


class CollapsedDocument(ProxyError):
    """The shared document holds far less than its file: writing now could lose the file's content."""

    def __init__(self, path: str, cells: int, file_cells: int) -> None:
        self.path, self.cells, self.file_cells = path, cells, file_cells
        super().__init__(
            f"The shared document of {path!r} has {cells} cells, its file {file_cells}: nothing was written, "
            "to not lose the file's content. Reload the notebook in JupyterLab, look at it, save it, then retry."
        )


class NotSaved(ProxyError):
    """A file that the server could not write. `kept` says where what was changed is now, if anywhere."""

    KEPT: ClassVar = {
        "nowhere": "Nothing was changed",
        "room": "The change is in the shared document, where people see it, but is not on disk",
        "here": "What was changed before is kept and written as soon as possible; nothing new is begun until then",
    }

    def __init__(self, path: str, reason: str, *, kept: Literal["nowhere", "room", "here"] = "nowhere") -> None:
        self.path, self.reason, self.kept = path, reason, kept
        super().__init__(
            f"The server could not save {path!r}: {reason}. {self.KEPT[kept]}. Free the disk or make it writable."
        )


class NotShareable(ProxyError):
    """A notebook, or a change of one, with a value that a shared document cannot hold or be saved with."""

    def __init__(self, path: str, reason: str, cure: str, *, changed: bool = False) -> None:
        self.path, self.reason, self.changed = path, reason, changed
        done = "The change is in the shared document, but is not on disk" if changed else "Nothing was changed"
        super().__init__(
            f"{path!r} as a shared document: {reason}, which jupyter-collaboration cannot save. {done}, and a retry "
            f"will not help: {cure}."
        )


class MaybeSaved(ProxyError):
    """A change whose arrival was not confirmed."""

    def __init__(self, path: str) -> None:
        self.path = path
        told = f"The server did not confirm the change of {path!r}: it may have been made."
        super().__init__(f"{told} Look with list_cells before you repeat it.")


GONE = "it is not there any more"
"""Why a change cannot be taken back whose cell somebody has deleted."""


class CannotUndo(ProxyError):
    """A change that is tied up with what somebody else did since. `later` ones may have been taken back before."""

    def __init__(self, cell: str, reason: str, *, later: bool = False) -> None:
        self.cell, self.reason = cell, reason
        done = "Your later changes were taken back, this one was not." if later else "Nothing was taken back."
        earlier = "Your earlier changes cannot be taken back before it: read what is there and edit that instead."
        if reason == GONE:
            super().__init__(f"This cannot be taken back: it changed cell {cell}, and {reason}. {done} {earlier}")
        else:
            told = f"Taking this back would remove what somebody else did in cell {cell}: {reason}. {done}"
            super().__init__(f"{told} {earlier}")


class NotAllowed(ProxyError):
    """A call beyond the caller's tier; the reason is one of `REASONS`."""

    REASONS: ClassVar = {
        "setting": "the person who runs the server decides this (its setting MCPProxy.tier)",
        "token": f"its token permits no more. A person can make another: {TILE}",
        "sign-in": f"its sign-in permits no more. A person can end that ({TILE}), and "
        "choose more when the client signs in again",
        "authorizer": "Jupyter's authorizer grants this user no more; the person who runs the server decides that",
    }

    def __init__(self, what: str, needed: str, tier: str, reason: str = "setting") -> None:
        self.what, self.needed, self.tier, self.reason = what, needed, tier, reason
        super().__init__(
            f"{what} needs the permission {needed!r}; this connection has {tier!r}. Nothing was done and a retry "
            f"will not help: {self.REASONS[reason]}."
        )


class Paused(ProxyError):
    """An edit or a run while a person has paused agents."""

    def __init__(self) -> None:
        super().__init__(
            "A person has paused agents in JupyterLab; nothing was changed. Reading goes on. A retry helps only after "
            "they release it: tell them what you wait for, and do not try in a loop."
        )


class NotNamed(ProxyError):
    """A notebook left out where that is not clear."""

    def __init__(self, opened: Sequence[str]) -> None:
        self.opened = list(opened)
        have = f"This client has {len(opened)} open: {', '.join(opened)}." if opened else "This client has none open."
        super().__init__(f"Name the notebook (parameter `notebook`). {have} list_notebooks shows them.")


class BadValue(ProxyError):
    """A parameter whose value cannot be used."""

    def __init__(self, parameter: str, value: object, expected: str) -> None:
        self.parameter, self.value = parameter, value
        shown = repr(value)
        if len(shown) > LONGEST_VALUE:
            shown = f"{shown[:LONGEST_VALUE]}… ({len(shown):,} characters)"
        super().__init__(f"`{parameter}` is {shown}; expected {expected}.")


class NotAnswered(ProxyError):
    """An answer that belongs to no question of ours."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"This answer was not used: {reason}. Nothing was run or answered. Where the code still waits for input, "
            "wait_execution with its id asks again; do not run it a second time."
        )


class NotApplied(ProxyError):
    """What cannot be done with what is only proposed."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} A person reviews your edits first: tell them what waits for them in the panel of JupyterLab. With "
            "your next call you are told what they accepted. execute_ipython runs code without a cell."
        )


class NotRun(ProxyError):
    """A cell that is in the notebook and was not run."""

    def __init__(self, cell: str, reason: str) -> None:
        self.cell, self.reason = cell, reason
        super().__init__(
            f"Inserted cell {cell}, but it was not run: {reason} Run it with execute_cell; do not insert it again."
        )


class KernelFailed(ProxyError):
    """A kernel that would not start, or cannot be reached."""

    def __init__(self, what: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{what}: {reason.strip()}")


class KernelBusy(ProxyError):
    """Something that the kernel cannot do while it runs."""


class ServerError(ProxyError):
    """An HTTP answer of the Jupyter server that we did not expect."""

    def __init__(self, what: str, status: int, message: str) -> None:
        self.status, self.message = status, message
        text = f"{what}: the Jupyter server answered {status}: {message}".rstrip(": ")
        if status in (400, 403) and "Permission denied" in message:  # said by the disk, also of a trash
            text += ". The server's user has no right to do that; no retry helps until somebody changes it (chmod)"
        elif status == 403:
            hub = "on a JupyterHub the spawner's server_token_scopes must include access:servers!server"
            text += f". The sidecar's own credential is not accepted by its server; {hub}"
        super().__init__(text + ".")


class ServerUnreachable(ServerError):
    """The Jupyter server does not answer; perhaps to something that changes it, which was `sent`."""

    def __init__(self, what: str, reason: str, *, sent: bool = False) -> None:
        cure = "It may have been done: look before you repeat it." if sent else "Retry in a few seconds."
        ProxyError.__init__(self, f"{what}: the Jupyter server does not answer ({reason}). {cure}")
        self.status, self.message = 0, reason
