"""What Jupyter loads with us is light: another package may need another `mcp` there, and a start takes no time."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

from jupyter_mcp_proxy import parent

MODULES = [module.name for module in pkgutil.walk_packages(parent.__path__, f"{parent.__name__}.")]
HEAVY = ("cryptography", "mcp", "mcp_types", "pydantic", "pydantic_core", "pycrdt", "jupyter_ydoc")


def loaded_by(*modules: str) -> set[str]:
    """What of `HEAVY` is there once a fresh interpreter has imported these."""
    code = f"import sys, {', '.join(modules)}; print(*(name for name in {HEAVY} if name in sys.modules))"
    return set(subprocess.check_output([sys.executable, "-W", "error", "-c", code], text=True).split())


def test_the_modules_of_the_jupyter_process_load_neither_mcp_nor_pydantic_nor_pycrdt() -> None:
    assert {f"{parent.__name__}.{name}" for name in ("extension", "launcher", "relay", "policy")} <= set(MODULES)
    assert loaded_by("jupyter_mcp_proxy", *MODULES) == set()


def test_those_of_the_sidecar_do() -> None:
    """So the test above looks for names that there are."""
    assert loaded_by("jupyter_mcp_proxy.tools.server", "jupyter_mcp_proxy.documents.shared") >= set(HEAVY) - {
        "cryptography"
    }
