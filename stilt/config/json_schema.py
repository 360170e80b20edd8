"""A JSON Schema of ``config.yaml``: editors complete and check with it while one types."""

from __future__ import annotations

from typing import Any

import msgspec

from stilt.config.execution import OWN_KEYS, REFUSED, SHORT
from stilt.config.schema import Config
from stilt.config.variants import FIXED, FOOTPRINTS, MET, OF_FOOTPRINTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME_PATTERN = r"^[^\s/._+-][^\s/]{0,63}$"  # the dialect's \w is ASCII only
_SBATCH = {
    "type": ["string", "number", "boolean"],
    "description": "Handed on to sbatch as --key=value; true is a bare flag.",
}


def config_schema() -> dict[str, Any]:
    """Return the schema: every key with its type, range, default and description."""
    schema = msgspec.json.schema(Config)
    definitions = schema["$defs"]
    top = definitions.pop("Config")
    _open_execution(definitions["Execution"])
    grid = definitions["FootprintGrid"]
    grid["required"].remove("yres")
    top["properties"]["ziscale"] = _one_or_several(top["properties"]["ziscale"])
    mets = top["properties"]["mets"]
    mets["additionalProperties"] = {
        "anyOf": [mets["additionalProperties"], {"type": "string", "minLength": 1}]
    }
    top["properties"]["variants"] = _variants(top["properties"], grid["properties"])
    for section in ("mets", "footprints", "variants"):
        top["properties"][section]["propertyNames"] = {"pattern": _NAME_PATTERN}
    for definition in (top, *definitions.values()):
        _allow_empty_keys(definition)
    return {"$schema": DIALECT, **top, "title": "config.yaml of stilt", "$defs": definitions}


def _open_execution(execution: dict[str, Any]) -> None:
    """Let any option of sbatch stand under ``execution``, but none that stilt refuses."""
    properties = execution["properties"]
    del properties["sbatch"]
    properties["setup"] = {
        "description": properties["setup"]["description"],
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "default": [],
    }
    for key in OWN_KEYS:
        if "_" in key:
            properties[key.replace("_", "-")] = properties[key]
    for option in (*REFUSED, *(name for name in SHORT if name not in REFUSED)):
        for key in {option, option.replace("-", "_")} - {"cpus-per-task"}:
            properties[key] = False
    execution["additionalProperties"] = _SBATCH


def _variants(settings: dict[str, Any], grid: dict[str, Any]) -> dict[str, Any]:
    """Let a variant have the settings that may vary, each of which may be null: then its default holds."""
    product = {key: _or_null(grid[key]) for key in OF_FOOTPRINTS}
    of_products = {"type": "object", "properties": product, "additionalProperties": False}
    own = {key: _or_null(settings[key]) for key in settings.keys() - {*FIXED, FOOTPRINTS}}
    own[MET] = {"description": "The one of mets that it is for; left out: each.", "type": "string"}
    own[FOOTPRINTS] = {"type": "object", "additionalProperties": of_products}
    return {
        "description": settings["variants"]["description"],
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": dict(sorted(own.items())),
            "additionalProperties": False,
            "minProperties": 1,
        },
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{key: schema[key] for key in schema if key != "default"}, {"type": "null"}]}


def _one_or_several(several: dict[str, Any]) -> dict[str, Any]:
    kept = {key: several.pop(key) for key in ("description", "default")}
    return {**kept, "anyOf": [{"type": "number"}, several]}


def _allow_empty_keys(definition: dict[str, Any]) -> None:
    """Let ``key:`` with nothing behind it count as left out, where a key may be left out."""
    required = definition.get("required", [])
    for key, value in definition.get("properties", {}).items():
        if key in required or not isinstance(value, dict):
            continue
        if "$ref" in value:
            definition["properties"][key] = {"anyOf": [value, {"type": "null"}]}
        elif "type" in value and value["type"] != "null":
            kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
            definition["properties"][key] = {**value, "type": [*kinds, "null"]}
