"""Settings, for a notebook."""

from __future__ import annotations

from typing import Any

import msgspec

from stilt.foundations.html import box, facts, note


def config_html(config: msgspec.Struct) -> str:
    """Return the settings that are not as they are left out."""
    words = "all others as they are left out; `stilt config reference` explains each"
    return box("settings", facts([*_chosen(config).items()]), note(words))


def _chosen(section: msgspec.Struct) -> dict[str, str]:
    """Return what a section has that is no default, in words."""
    return {
        each.encode_name: _said(getattr(section, each.name))
        for each in msgspec.structs.fields(section)
        if getattr(section, each.name) != _default(each)
    }


def _default(field: msgspec.structs.FieldInfo) -> object:
    has_factory = field.default_factory is not msgspec.NODEFAULT
    return field.default_factory() if has_factory else field.default


def _said(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        value = _chosen(value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_said(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
