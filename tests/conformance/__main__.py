"""`python -m conformance`: runs the suite and prints its table; 1 where something fails that has no reason."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

from harness import JupyterProcess

from conformance.known import KNOWN, unexplained
from conformance.suite import install, run, table

TESTS = Path(__file__).parents[1]
START = "import sys; sys.path.insert(0, {tests!r}); from conformance.sidecar import main; sys.exit(main())"


def python_of(folder: Path) -> Path:
    """What stands in for the sidecar's Python: it runs the sidecar of the tests, with the same options."""
    program = folder / "python"
    start = START.format(tests=str(TESTS))
    program.write_text(f'#!/bin/sh\nshift 2\nexec {shlex.quote(sys.executable)} -c {shlex.quote(start)} "$@"\n')
    program.chmod(0o755)
    return program


def main() -> int:
    """Run it for every version of the protocol that is asked for."""
    arguments = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    arguments.add_argument("--version", choices=tuple(KNOWN), action="append", help="only this; may be repeated")
    arguments.add_argument("--keep", type=Path, help="a folder that keeps the suite and its results")
    options = arguments.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = install((options.keep or folder) / "suite")
        # The suite has no way to send a token, so the server asks for none.
        open_to_all = ("--IdentityProvider.token=", f"--MCPProxy.python={python_of(folder)}")
        server = JupyterProcess(folder / "server", token="", arguments=open_to_all)
        try:
            server.wait()
            for version in options.version or KNOWN:
                results = (options.keep or folder) / version
                checks = run(program, server.endpoint, version, results)
                print(table(version, checks))
                failing = {check.id: check.why for check in checks if check.status == "FAILURE"}
                for id, why in failing.items():
                    print(f"  {id}: {KNOWN[version].get(id) or why}")
                new, gone = unexplained(version, list(failing))
                for id in new:
                    print(f"WRONG {version} {id}: {failing[id]}")
                for id in gone:
                    print(f"WRONG {version} {id} passes, and has a reason to fail")
                wrong += len(new) + len(gone)
        finally:
            server.stop()
            if wrong:
                print(server.log[-3000:], file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
