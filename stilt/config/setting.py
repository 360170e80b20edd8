"""What is known of one setting: what it means, where it goes, and what each engine does with it.

Each field of ``Config`` has one in its annotation. All that speaks of settings is made from these: SETUP.CFG, the
JSON Schema, the reference, what an engine refuses, and the keys that move in from other tools. To add a setting, add
its field there, and values to try in ``tests/hysplit/test_settings_table.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = "setting"


class Goes(StrEnum):
    """Who reads a setting."""

    OWN = "stilt"
    CONTROL = "CONTROL"
    SETUP = "SETUP.CFG"
    ZICONTROL = "ZICONTROL"
    WINDERR = "WINDERR"
    ZIERR = "ZIERR"


class Native(StrEnum):
    """What ``model: native`` does with a setting."""

    FOLLOWS = "follows"
    DEFAULT = "takes only the default"
    IDLE = "no effect in either"
    UNNEEDED = "no use for it"


FOLLOWS, DEFAULT, IDLE, UNNEEDED = Native
"""UNNEEDED: a matter of how hycs_std works inside (room, loading), which changes its random stream or last digits."""


@dataclass(frozen=True, slots=True)
class Values:
    """Values that an engine takes: in words, and as a test of the value beside all settings; what others do."""

    words: str
    fit: Callable[[Any, Any], bool]
    otherwise: str = "every run fails"


ANY = Values("", lambda _value, _config: True)


def one_of(*values: object) -> Values:
    """Return that an engine takes these values only."""
    return Values(" or ".join(map(str, values)), lambda value, _config: value in values)


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table of settings.

    Attributes
    ----------
    meaning, unit
        For people.
    goes
        Who reads it.
    native
        What the native engine does with it, where it takes the value at all.
    native_takes, hysplit_takes
        Values that the engines take; others they refuse before a run.
    wakes_with
        The setting with whose other values an idle one has an effect in HYSPLIT.
    file
        Whether it names a file that HYSPLIT is to read.
    only_for
        The one of our engines that reads it, where the other does not.
    gives_way_to
        The setting that takes its place where that is given.
    default
        Of the field; ``msgspec.NODEFAULT`` where a value is needed.
    """

    meaning: str
    unit: str = ""
    goes: Goes = Goes.OWN
    native: Native = FOLLOWS
    native_takes: Values = ANY
    hysplit_takes: Values = ANY
    wakes_with: str = ""
    file: bool = False
    only_for: str = ""
    gives_way_to: str = ""
    default: Any = msgspec.NODEFAULT

    @property
    def description(self) -> str:
        """Meaning and unit in a sentence."""
        idle = f"; no effect{f' without {self.wakes_with}' if self.wakes_with else ''}"
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.meaning}{unit}{idle if self.native is IDLE else ''}."


def own(
    meaning: str,
    unit: str = "",
    goes: Goes = Goes.OWN,
    *,
    only_for: str = "",
    gives_way_to: str = "",
    **bounds: Any,
) -> msgspec.Meta:
    """Describe a setting that is followed, whichever engine reads it; ``bounds`` are those of ``msgspec.Meta``."""
    setting = Setting(meaning, unit, goes, only_for=only_for, gives_way_to=gives_way_to)
    return _meta(setting, bounds)


def namelist(
    meaning: str,
    unit: str = "",
    native: Native = FOLLOWS,
    takes: Values = ANY,
    *,
    hysplit: Values = ANY,
    wakes_with: str = "",
    file: bool = False,
    goes: Goes = Goes.SETUP,
    **bounds: Any,
) -> msgspec.Meta:
    """Describe a setting of HYSPLIT's, and what the native engine does with it."""
    return _meta(Setting(meaning, unit, goes, native, takes, hysplit, wakes_with, file), bounds)


def _meta(setting: Setting, bounds: dict[str, Any]) -> msgspec.Meta:
    return msgspec.Meta(description=setting.description, extra={_KEY: setting}, **bounds)


def settings_of(kind: type[msgspec.Struct]) -> dict[str, Setting]:
    """Read the table off a Struct's annotations: name to setting, in the order of the fields."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.name: replace(meta.extra[_KEY], default=_default(field))
        for field in msgspec.structs.fields(kind)
        for meta in get_args(hints[field.name])[1:]
        if isinstance(meta, msgspec.Meta) and meta.extra and _KEY in meta.extra
    }


def _default(field: msgspec.structs.FieldInfo) -> Any:
    made = field.default_factory is not msgspec.NODEFAULT
    return field.default_factory() if made else field.default
