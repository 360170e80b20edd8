"""Who made a result: the engine with all that it reads besides settings and meteorology."""

from __future__ import annotations

from msgspec import Struct

SOMETIMES_READ = frozenset({"TERRAIN.ASC"})
"""Inputs that are read for some meteorology only: it is no difference that one of two does not know of them."""


class EngineIdentity(Struct, frozen=True, omit_defaults=True):
    """An engine as the log, the manifest of a batch and a worker compare it.

    Attributes
    ----------
    name
        The name under which ``model:`` in config.yaml knows it.
    version
        The version of its algorithm: another one gives other particles for the same settings and seed.
    setting
        A setting of the config that belongs to the engine alone, as text (``roughness 0.2 m``).
    inputs
        What it reads besides settings and meteorology: name to digest.
    """

    name: str
    version: str
    setting: str = ""
    inputs: dict[str, str] = {}

    @property
    def label(self) -> str:
        """Name, version and setting in one line; it enters the digest of the transport settings."""
        return f"{self.name} {self.version}" + (f" ({self.setting})" if self.setting else "")

    def differences(self, other: EngineIdentity) -> list[str]:
        """Say how another identity differs from this one; empty where it does not.

        An input that only one of the two knows of is a difference, unless one knows of none (records of older
        versions do not) or it is one of ``SOMETIMES_READ``.
        """
        found = []
        if (self.name, self.version) != (other.name, other.version):
            found.append(f"engine was {self.name} {self.version}, is {other.name} {other.version}")
        if self.setting != other.setting:
            found.append(f"{self.setting or 'default'} was used, now {other.setting or 'default'}")
        if self.inputs and other.inputs:
            found += [
                f"engine input {name} was {_short(self.inputs.get(name))}, is "
                f"{_short(other.inputs.get(name))}"
                for name in self._compared_inputs(other)
                if self.inputs.get(name) != other.inputs.get(name)
            ]
        return found

    def _compared_inputs(self, other: EngineIdentity) -> list[str]:
        either, both = self.inputs.keys() | other.inputs.keys(), self.inputs.keys() & other.inputs
        return sorted(either - (SOMETIMES_READ - both))


def parse_label(label: str) -> EngineIdentity:
    """Return the identity that a label of an older record tells; what it read is not known."""
    name, _, rest = label.partition(" ")
    version, _, setting = rest.partition(" (")
    return EngineIdentity(name, version, setting.removesuffix(")"))


def _short(digest: str | None) -> str:
    return digest[:8] if digest else "absent"
