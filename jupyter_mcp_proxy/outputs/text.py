"""What an output says, as text. Pure."""

from __future__ import annotations

from .changes import Output
from .rich import bundle, bundle_text
from .rich import joined as joined
from .terminal import screen
from .terminal import strip_ansi as strip_ansi


def output_text(output: Output) -> str:
    """All that an output says, as text; an image is named in it."""
    kind = output.get("output_type")
    if kind == "stream":
        return screen(joined(output.get("text", "")))
    if kind == "error":
        trace = output.get("traceback") or []
        said = strip_ansi("\n".join(map(str, trace)) if isinstance(trace, list) else str(trace))
        return said or f"{output.get('ename')}: {output.get('evalue')}"
    return screen(bundle_text(bundle(output)))
