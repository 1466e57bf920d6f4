"""Where an execution stands, and what is said of one that did not go well."""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    """Where an execution stands. All but the first two are final."""

    QUEUED = "queued"
    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    KERNEL_DIED = "kernel_died"
    LOST = "lost"


NOT_BEGUN = "It was not run: the kernel died or was restarted before its turn came. Run it again if it is wanted."
NOT_SENT = "It was not run: the sidecar was started anew before its turn came. Run it again if it is wanted."
NOT_RUN = "It was not run: what ran before it in this kernel failed or was interrupted. Run it again if it is wanted."
DIED = (
    "The kernel died or was restarted while this ran: all its variables are gone. Jupyter starts a dead kernel again "
    "by itself; run the cells that you need once more."
)
LOST = "The connection to the kernel was lost while this ran, and what it printed since could not be recovered."
DROPPED = (
    "Jupyter's output rate limit dropped part of this output; it cannot be recovered. Print less at a time, write to "
    "a file, or raise ZMQChannelsWebsocketConnection.iopub_data_rate_limit."
)
GAPPED = (
    "Some of this output may be missing: up to {missing} of the kernel's messages were on their way to the sidecar "
    "when that was killed or lost its connection."
)
UNNUMBERED = (
    "Some of this output may be missing: the sidecar was killed or lost its connection while this ran, and this kernel "
    "does not number its messages."
)
NOT_KEPT = "Some of this output is missing: what the kernel sent could not be kept beside the notebook ({reason})."
