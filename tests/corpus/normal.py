"""Outputs without what differs from run to run by nature: times, addresses, ids, folders. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

Output = dict[str, Any]

BY_NATURE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{32}\b"), "<id>"),  # models of widgets
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "<address>"),
    (re.compile(r"ipykernel_\d+[/\\]\d+\.py"), "ipykernel/<cell>.py"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?"), "<time>"),
    (re.compile(r"(?<![\d:])\d{1,2}:\d{2}:\d{2}([.,]\d+)?"), "<time>"),
    (re.compile(r"(?<=[<\[, ])(\d{2}:\d{2}|\?)(?=[<,])"), "<time>"),  # tqdm
    (re.compile(r"[\d.?]+\s?(it/s|s/it)"), "<rate>"),
    (re.compile(r"(?<![\w.])\d+(\.\d+)?(e[+-]\d+)?\s(ns|[µμu]s|ms|s|min)\b"), "<duration>"),
    (re.compile(r"(CPU times|Wall time|CPU time)[^\n]*"), r"\1"),
    (re.compile(r"The slowest run took [^\n]*\n"), ""),  # %timeit on a machine that is busy
    (re.compile(r"\(mean ± std\. dev\. of [^)]*\)"), "(mean)"),
    (re.compile(r"\b(pid|PID|process)([ =:]+)\d+"), r"\1\2<pid>"),
    (re.compile(r"/tmp/[\w./+-]+"), "<temporary>"),
)


def masked(text: str, places: Iterable[str] = ()) -> str:
    """A text with a sign in place of what differs by nature; `places` are folders of the run's own."""
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, "<place>")
    for pattern, sign in BY_NATURE:
        text = pattern.sub(sign, text)
    return text


def normal(outputs: list[Output], places: Iterable[str] = ()) -> list[Output]:
    """Outputs as they are compared: adjoining pieces of one stream joined, lists of lines joined, texts masked."""
    found: list[Output] = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            text = _text(output.get("text", ""))
            last = found[-1] if found else None
            if last is not None and last["output_type"] == kind and last["name"] == output["name"]:
                last["text"] += text
            elif text:
                found.append({"output_type": kind, "name": output["name"], "text": text})
        elif kind == "error":
            kept = {key: output.get(key) for key in ("ename", "evalue")}
            found.append({"output_type": kind, **kept, "traceback": "\n".join(output.get("traceback", []))})
        else:
            data = {mime: _datum(value) for mime, value in output.get("data", {}).items()}
            found.append({"output_type": kind, "data": data, "metadata": output.get("metadata", {})})
            if kind == "execute_result":
                found[-1]["execution_count"] = output.get("execution_count")
    places = tuple(places)
    return [_masked(output, places) for output in found]


def by_stream(outputs: list[Output]) -> list[Output]:
    """Normal outputs with what is printed between two others put together by stream.

    In which order a kernel sends what two streams or two threads print at the same time is its own affair.
    """
    found: list[Output] = []
    streams: dict[str, str] = {}
    for output in [*outputs, None]:
        if output is not None and output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
            continue
        for name in sorted(streams):
            text = "".join(sorted(streams[name].splitlines(keepends=True)))
            found.append({"output_type": "stream", "name": name, "text": text})
        streams.clear()
        if output is not None:
            found.append(output)
    return found


def shape(outputs: list[Output]) -> list[Output]:
    """Normal outputs without their contents: kinds, streams, types of data, names of exceptions."""
    found: list[Output] = []
    for output in by_stream(outputs):
        each: Output = {"output_type": output["output_type"]}
        match output["output_type"]:
            case "stream":
                each["name"] = output["name"]
            case "error":
                each["ename"] = output["ename"]
            case _:
                each["data"] = sorted(output["data"])
        found.append(each)
    return found


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _datum(value: Any) -> Any:
    """What a type's data are: a list of lines is a text, as nbformat has it in files."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value


def _masked(value: Any, places: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return masked(value, places)
    if isinstance(value, list):
        return [_masked(each, places) for each in value]
    if isinstance(value, dict):
        return {key: _masked(each, places) for key, each in value.items()}
    return value


def shown(outputs: list[Output], most: int = 2000) -> str:
    """Outputs for a person to read, one a line."""
    text = "\n".join(json.dumps(output, sort_keys=True, ensure_ascii=False) for output in outputs)
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
