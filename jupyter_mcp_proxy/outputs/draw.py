"""Draw an SVG: called with WIDTH HEIGHT it reads a drawing and writes a picture, at most that large.

A process of its own: what a drawing from elsewhere does to the renderer ends here (resvg aborts where
memory ends).
"""

from __future__ import annotations

import sys

MOST_MEMORY = 2_000_000_000
MOST_SECONDS = 10


def main() -> None:
    """Read a drawing, write a PNG. Ends with an error where it cannot be drawn."""
    from .limits import limit

    limit(MOST_SECONDS, MOST_MEMORY)
    import resvg_py

    width, height = map(int, sys.argv[1:3])
    drawing = sys.stdin.buffer.read().decode("utf-8", "replace")
    # Within this box it keeps its shape; without one it may ask for any number of pixels.
    picture = resvg_py.svg_to_bytes(svg_string=drawing, background="white", width=width, height=height)
    sys.stdout.buffer.write(bytes(picture))


if __name__ == "__main__":
    main()
