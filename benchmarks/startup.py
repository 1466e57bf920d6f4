"""How long a sidecar takes to answer, beside the import of what it cannot do without."""

from __future__ import annotations

import compileall
import http.client
import subprocess
import sys
import time
from pathlib import Path

import jupyter_mcp_proxy
from jupyter_mcp_proxy.contract import NONCE_HEADER, PROOF_PATH, prove

from .lean import NEW_ERA, LeanClient
from .parts import JupyterProcess, SidecarByHand, sidecar
from .timing import Series

IMPORT = "import mcp.server, uvicorn; print('imported', flush=True)"
POLL = 0.005
LONGEST = 60.0

IMPORTED = f"start · python -c {IMPORT.partition(';')[0]!r}"
PROOF = "start · sidecar: GET /proof answers"
LISTED = "start · sidecar: first tools/list answers"


def start_up(home: Path, server: JupyterProcess, repeats: int) -> dict[str, Series]:
    """Start each alternately, once unrecorded for the page cache.

    Our modules are compiled before, as pip does with all that it installs: an editable install leaves that to the first
    start, and where Python is told to write no compiled files (PYTHONDONTWRITEBYTECODE) each start would compile anew.
    """
    compileall.compile_dir(Path(jupyter_mcp_proxy.__file__).parent, quiet=1)
    series = {name: Series(name) for name in (IMPORTED, PROOF, LISTED)}
    for number in range(repeats + 1):
        imported = _import()
        with sidecar(home / f"start{number}", server) as started:
            proof = _until_proof(started)
            client = LeanClient(started.url, NEW_ERA, started.headers)
            body, _ = client.list_tools()
            listed = time.perf_counter() - started.started
            client.close()
            assert b'"execute_ipython"' in body, body
        if number:
            for name, seconds in ((IMPORTED, imported), (PROOF, proof), (LISTED, listed)):
                series[name].samples.append(seconds * 1000)
    return series


def _import() -> float:
    """Seconds until the import is done; the end of the interpreter is not in them."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"imported\n"
        return time.perf_counter() - started


def _until_proof(started: SidecarByHand) -> float:
    nonce = "benchmark"
    while time.perf_counter() - started.started < LONGEST:
        assert started.process.poll() is None, "the sidecar ended"
        connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=LONGEST)
        try:
            connection.request("GET", PROOF_PATH, headers={NONCE_HEADER: nonce})
            answer = connection.getresponse().read().decode()
        except ConnectionError:
            time.sleep(POLL)
            continue
        finally:
            connection.close()
        assert answer == prove(started.secret, nonce, str(started.port))
        return time.perf_counter() - started.started
    raise AssertionError("the sidecar did not answer")
