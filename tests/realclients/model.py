"""A model's endpoint on loopback that plays a script: so an agent makes the calls that it is told to, without a model.

It speaks as Anthropic's Messages, OpenAI's Responses and Chat Completions and Google's generateContent do, streaming.
Each request is answered by the next call of the script, which is found by how many results the conversation has; then
by a word. It keeps the results. A request that offers none of the script's tools is the agent's own, such as a title
for the conversation: a word.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Call = tuple[str, dict[str, Any]]
DONE = "all done"
Event = tuple[str, dict[str, Any]]


class Model:
    """The script, and what came back of it."""

    def __init__(self, script: Sequence[Call]) -> None:
        self.script = script
        self.results: list[Any] = []
        """The results of the longest conversation, as the model was given them."""
        self.offered: set[str] = set()
        self.before: dict[int, Callable[[], None]] = {}
        """What is done before a call of the script is asked for, once."""

    def answer(self, path: str, asked: dict[str, Any]) -> list[Event]:
        tools = [name for tool in asked.get("tools", ()) for name in names(tool)]
        self.offered.update(tools)
        kind = next((kind for kind in KINDS if kind in path), "completions")
        results = list(found(kind, asked))
        if len(results) > len(self.results):
            self.results = results
        call = None
        if len(results) < len(self.script):
            name, arguments = self.script[len(results)]
            tool = next((one for one in tools if one.split(".")[-1].endswith(name)), None)
            call = (tool, arguments) if tool else None
            if call and len(results) in self.before:
                self.before.pop(len(results))()
        return KINDS[kind](call, len(results))


def names(tool: dict[str, Any]) -> Iterator[str]:
    """Of a tool as it is offered; some are in a namespace."""
    if "tools" in tool:
        for inner in tool["tools"]:
            yield f"{tool['name']}.{inner['name']}"
    elif "functionDeclarations" in tool:
        yield from (one["name"] for one in tool["functionDeclarations"])
    else:
        yield str(tool.get("name") or tool.get("function", {}).get("name"))


def found(kind: str, asked: dict[str, Any]) -> Iterator[Any]:
    """The results in a conversation."""
    if kind == "messages":
        for message in asked.get("messages", ()):
            if isinstance(message["content"], list):
                yield from (part["content"] for part in message["content"] if part["type"] == "tool_result")
    elif kind == "responses":
        given = asked.get("input", ())
        yield from (item["output"] for item in given if item.get("type") == "function_call_output")
    elif kind == "GenerateContent":
        yield from answers(part for content in asked.get("contents", ()) for part in content.get("parts", ()))
    else:
        yield from tool_messages(asked.get("messages", ()))


def answers(parts: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Of Google's parts: an answer has what follows it, which is where images are."""
    result: list[dict[str, Any]] | None = None
    for part in parts:
        if "functionResponse" in part:
            if result is not None:
                yield result
            given = part["functionResponse"]
            result = [{"type": "text", "text": json.dumps(given.get("response"), ensure_ascii=False)}]
            result += [{"type": "image"} for inner in given.get("parts", ()) if "inlineData" in inner]
        elif result is not None and "inlineData" in part:
            result.append({"type": "image"})
    if result is not None:
        yield result


def tool_messages(given: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Of Chat Completions: a tool's message is text alone, so agents send its images in a message after it."""
    result: list[dict[str, Any]] | None = None
    for message in given:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        if message["role"] == "tool":
            if result is not None:
                yield result
            result = list(parts)
        elif result is not None:
            result += [{"type": "image"} for part in parts if part["type"] == "image_url"]
    if result is not None:
        yield result


def messages(call: Call | None, number: int) -> list[Event]:
    """Anthropic's."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-fake", "content": []}
    if call:
        block: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{number}", "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": DONE}
    reason = "tool_use" if call else "end_turn"
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": head | {"stop_reason": None, "stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in told]


def responses(call: Call | None, number: int) -> list[Event]:
    """OpenAI's Responses."""
    item: dict[str, Any]
    if call:
        namespace, _, name = call[0].rpartition(".")
        item = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name}
        item |= {"arguments": json.dumps(call[1])} | ({"namespace": namespace} if namespace else {})
    else:
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant"}
        item["content"] = [{"type": "output_text", "text": DONE, "annotations": []}]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    response = {"id": f"resp_{number}", "output": [item], "usage": usage}
    return [
        ("response.created", {"type": "response.created", "response": {"id": f"resp_{number}"}}),
        ("response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}),
        ("response.completed", {"type": "response.completed", "response": response}),
    ]


def completions(call: Call | None, number: int) -> list[Event]:
    """OpenAI's Chat Completions."""
    delta: dict[str, Any] = {"role": "assistant", "content": DONE}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        delta = {"role": "assistant", "tool_calls": [{"index": 0, "id": f"call_{number}", "type": "function"}]}
        delta["tool_calls"][0]["function"] = function
    head = {"id": f"c_{number}", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
    ends = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}
    return [
        ("", head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        ("", head | {"choices": [ends]}),
    ]


def generate_content(call: Call | None, number: int) -> list[Event]:
    """Google's."""
    part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": DONE}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return [("", {"candidates": [candidate], "usageMetadata": usage, "responseId": f"resp_{number}"})]


KINDS: dict[str, Callable[[Call | None, int], list[Event]]] = {
    "messages": messages,
    "responses": responses,
    "completions": completions,
    "GenerateContent": generate_content,
}
"""By a word of the path."""


@contextmanager
def playing(script: Sequence[Call]) -> Iterator[tuple[Model, str]]:
    """The endpoint's model and its URL."""
    model = Model(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            self.send_response(200)
            if "count_tokens" in self.path or "countTokens" in self.path:
                self._whole({"input_tokens": 1, "totalTokens": 1})
                return
            if ":generateContent" in self.path:  # what Gemini CLI asks in between, and does without
                self._whole(generate_content(None, 0)[0][1])
                return
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for name, told in model.answer(self.path, asked):
                self.wfile.write((f"event: {name}\n" if name else "").encode() + b"data: ")
                self.wfile.write(json.dumps(told).encode() + b"\n\n")
            if "completions" in self.path:
                self.wfile.write(b"data: [DONE]\n\n")

        def do_GET(self) -> None:
            self.send_response(200)
            self._whole({"data": [], "models": []})

        def _whole(self, told: dict[str, Any]) -> None:
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
