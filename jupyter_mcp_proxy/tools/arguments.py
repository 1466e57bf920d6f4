"""What a call's arguments mean before they are checked against the tool's parameters. Pure."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, model_validator


def asked_for(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments without those that say nothing: null where a parameter may be left out.

    Clients send it for whatever their model has not filled in (NVIDIA/NeMo-Agent-Toolkit#1269), and models write it
    where all parameters are required of them.
    """
    return _said(arguments, schema.get("required", []))


def not_numbers(schema: dict[str, Any], arguments: dict[str, Any]) -> str:
    """Which parameter is true or false and takes neither; empty where none is. In Python they would be 1 and 0."""
    for name, value in arguments.items():
        given = value if isinstance(value, list) else [value]
        if any(isinstance(each, bool) for each in given) and "boolean" not in json.dumps(schema["properties"][name]):
            return f"`{name}` is wrong: it takes neither true nor false."
    return ""


class Item(BaseModel):
    """One of several things that a parameter lists; null is nothing said, as in the parameters themselves."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        return _said(value, required) if isinstance(value, dict) else value


def _said(values: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None or name in required}
