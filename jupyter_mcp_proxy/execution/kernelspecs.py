"""The kernelspecs of the server: what kernels there could be."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ..errors import Unknown

if TYPE_CHECKING:
    from ..jupyter.server import JupyterServer


async def check_kernelspec(server: JupyterServer, name: str, *, or_kernel: bool = False) -> str:
    """The name, if the server has such a kernelspec; Unknown with near matches if not."""
    specs = list((await server.kernelspecs())["kernelspecs"])
    if name in specs:
        return name
    kind = "running kernel or kernelspec" if or_kernel else "kernelspec"
    near = get_close_matches(name, specs, n=3, cutoff=0.4) or specs[:5]
    raise Unknown(kind, name, near, "list_kernels shows all of them.")
