"""What the Python programs share: a call for each line on standard input, its outcome as a line on standard output."""

import asyncio
import json
import sys


async def serve(call):
    """`call(tool, arguments)` gives a text and whether it is an error; what it raises is an error, too."""
    print(json.dumps({"text": "ready", "error": False}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        try:
            text, error = await call(wanted["tool"], wanted["arguments"])
        except Exception as problem:
            text, error = f"{type(problem).__name__}: {problem}", True
        print(json.dumps({"text": text, "error": error}), flush=True)


def text_of(content):
    return "\n".join(block.text for block in content if block.type == "text")
