"""What the Python programs share: a call for each line on standard input, its outcome as a line on standard output.

A line may ask for the list of tools instead, or cancel the call that is under way, by the library's own way of it.
"""

import asyncio
import json
import os
import sys


def say(**told):
    print(json.dumps(told), flush=True)


async def serve(call, names):
    """`call(tool, arguments, progress)` gives the content and whether it is an error; what it raises is one, too."""
    say(text="ready", error=False, images=0)
    running = None

    async def progress(*told):
        say(progress=str(told))

    async def carry_out(wanted):
        try:
            if "list" in wanted:
                text, error, images = " ".join(sorted(await names())), False, 0
            else:
                content, error = await call(wanted["tool"], wanted["arguments"], progress)
                text, images = text_of(content), sum(kind(block) == "image" for block in content)
        except asyncio.CancelledError:
            text, error, images = "cancelled", True, 0
        except Exception as problem:
            text, error, images = f"{type(problem).__name__}: {problem}", True, 0
        say(text=text, error=error, images=images)

    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        if "cancel" in wanted:
            running.cancel()
        else:
            running = asyncio.create_task(carry_out(wanted))


def kind(block):
    return block["type"] if isinstance(block, dict) else getattr(block, "type", "")


def text_of(content):
    texts = (block["text"] if isinstance(block, dict) else block.text for block in content if kind(block) == "text")
    return "\n".join(texts)


def program():
    """What a client without HTTP is told to start."""
    command, *args = json.loads(os.environ["STDIO"])
    return {"command": command, "args": args, "env": dict(os.environ)}
