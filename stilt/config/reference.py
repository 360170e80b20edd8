"""The reference of settings: the table of ``Config`` for people, on a terminal and in README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stilt.config.json_schema import config_schema
from stilt.config.schema import SETTINGS
from stilt.config.setting import Goes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stilt.config.setting import Setting

_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "section",
}
_BOUNDS = {"minimum": "from", "maximum": "to", "exclusiveMinimum": "above"}
HEADINGS = ("key", "type", "unit", "default", "goes to", "native", "meaning")


def rows(names: Iterable[str] | None = None) -> list[tuple[str, ...]]:
    """Return the rows of the reference: one string for each of ``HEADINGS``."""
    properties = config_schema()["properties"]
    return [_row(name, SETTINGS[name], properties[name]) for name in names or SETTINGS]


def _row(name: str, setting: Setting, schema: dict[str, Any]) -> tuple[str, ...]:
    native = setting.native.value
    if setting.native_takes.words:
        native += f"; takes {setting.native_takes.words}"
    if setting.wakes_with:
        native += f" without {setting.wakes_with}"
    if setting.only_for:
        native += "; no effect on hysplit"
    if setting.gives_way_to:
        native += f"; no effect beside {setting.gives_way_to}"
    hysplit = setting.hysplit_takes.words
    meaning = setting.meaning + (f" (HYSPLIT takes {hysplit})" if hysplit else "")
    place = "" if setting.goes is Goes.OWN else setting.goes.value
    return name, _kind(schema), setting.unit, _default(setting), place, native, meaning


def _kind(schema: dict[str, Any]) -> str:
    """Say a type and its bounds in words, from the JSON Schema of a key."""
    choices = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if choices:
        return " or ".join(map(_kind, choices))
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    kinds = schema.get("type", "object")
    name = _TYPES[kinds if isinstance(kinds, str) else kinds[0]]
    return " ".join(
        [name, *(f"{_BOUNDS[key]} {schema[key]:.15g}" for key in _BOUNDS if key in schema)]
    )


def _default(setting: Setting) -> str:
    value = setting.default
    if value is msgspec.NODEFAULT:
        return "needed"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    is_plain = isinstance(value, int | float | str)
    return f"{value:.15g}" if isinstance(value, int | float) else value if is_plain else ""


def as_text(names: Iterable[str] | None = None) -> str:
    """Write the reference for a terminal: three lines a setting."""
    blocks = []
    for name, kind, unit, default, place, native, meaning in rows(names):
        given = default if default == "needed" else f"default {default or 'none'}"
        head = f"{name}: {kind}{f', {unit}' if unit else ''}; {given}"
        where = f"{place}; " if place else ""
        blocks.append(f"{head}\n  {meaning}\n  {where}native: {native}\n")
    return "\n".join(blocks)


def sections_with(key: str) -> list[str]:
    """Write the reference of a key that stands within ``mets`` or ``footprints``, once for each that has it."""
    definitions = config_schema()["$defs"]
    sections = {"mets": definitions["Met"], "footprints": definitions["FootprintGrid"]}
    blocks = []
    for section, definition in sections.items():
        schema = definition["properties"].get(key)
        if schema is None:
            continue
        given = "may be left out"
        if key in definition["required"]:
            given = "needed"
        elif "default" in schema:
            given = f"default {_plain(schema['default'])}"
        blocks.append(
            f"{section}.NAME.{key}: {_kind(schema)}; {given}\n  {schema['description']}\n"
        )
    return blocks


def _plain(default: object) -> str:
    if default is None:
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)


def as_markdown(names: Iterable[str] | None = None) -> str:
    """Write the reference as a Markdown table; README.md holds it between two comments."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows(names)]
    return "".join(
        "".join(f"| {cell} ".replace("  ", " ") for cell in line) + "|\n" for line in lines
    )
