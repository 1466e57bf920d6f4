"""`python -m jupyter_mcp_proxy`, for where the console script is not on the path."""

from __future__ import annotations

import os
import sys

# `-m` has put the folder of whoever calls first, before the standard library: a `json.py` there is not ours to run.
if sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109 - nothing more is imported before
    del sys.path[0]

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
