"""Writing settings: the copy that a batch runs with, and the form that digests are taken of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

if TYPE_CHECKING:
    from stilt.config.schema import About, Config, Execution, FootprintGrid, Met

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dump_config(config: Config) -> bytes:
    """Write settings as YAML with every key in a fixed order: equal settings give equal bytes.

    ``parse_config`` reads the same settings from it.
    """
    data = plain(config)
    execution = data["execution"]
    sbatch = execution.pop("sbatch")
    data["execution"] = {**execution, **dict(sorted(sbatch.items()))}
    for section in {"mets", "footprints", "variants"} & data.keys():
        data[section] = dict(sorted(data[section].items()))
    text = yaml.dump(
        data,
        Dumper=_DUMPER,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return bytes(text.encode())


def plain(settings: Config | Met | FootprintGrid | Execution | About) -> dict[str, Any]:
    """Return settings as plain data in which equal settings look equal, without those that are None.

    A whole number that stands where any number may (``-1``) becomes ``-1.0``, as reading makes it.
    """
    kind = type(settings)
    converted = msgspec.convert(msgspec.to_builtins(settings), kind)
    data = _without_none(msgspec.to_builtins(converted))
    if data.get("variants"):  # whose null is a setting: that of the project is left out there
        data["variants"] = msgspec.to_builtins(converted)["variants"]
    return data


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if value is not None
    }
