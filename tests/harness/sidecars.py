"""Sidecars of a test's own: what the parent starts in the place of ours."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = """#!{python}
import asyncio, os, sys, threading, time
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from jupyter_mcp_proxy.sidecar.guard import Guard

{answers}

def end_with_parent():
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)

app = Starlette(routes=[Route("/mcp", mcp, methods=["GET", "POST"]), Route("/healthz", healthz)])
threading.Thread(target=end_with_parent, daemon=True).start()
uvicorn.run(Guard(app, os.environ["JUPYTER_MCP_PROXY_SECRET"]), host="127.0.0.1", port=int(sys.argv[-1]),
            log_level="warning")
"""

ECHO = """
async def mcp(request):
    return JSONResponse({**request.headers, "query": str(request.query_params)})

healthz = mcp
"""

SILENT = """
async def mcp(request):
    await asyncio.sleep(600)

async def healthz(request):
    return JSONResponse({})
"""

BIG = """
taken = 0

async def mcp(request):
    async def body():
        global taken
        for _ in range(CHUNKS):
            yield b"x" * 65536
            taken += 65536
    return StreamingResponse(body(), media_type="application/json")

async def healthz(request):
    return JSONResponse({"taken": taken})
"""


def _program(folder: Path, answers: str) -> tuple[str, ...]:
    """The server's argument with which it starts a program instead of our sidecar."""
    program = folder / "sidecar"
    program.write_text(PROGRAM.format(python=sys.executable, answers=answers))
    program.chmod(0o755)
    return (f"--MCPProxy.python={program}",)


def echo_sidecar(folder: Path) -> tuple[str, ...]:
    """A sidecar that tells which headers reach it: the argument with which a server starts it."""
    return _program(folder, ECHO)


def silent_sidecar(folder: Path) -> tuple[str, ...]:
    """A sidecar whose endpoint never answers."""
    return _program(folder, SILENT)


def big_sidecar(folder: Path, chunks: int) -> tuple[str, ...]:
    """A sidecar that answers with so many pieces of 64 kB, and says in `healthz` how much of it was taken."""
    return _program(folder, BIG.replace("CHUNKS", str(chunks)))
