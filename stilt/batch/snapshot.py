"""The settings that a batch was handed over with, and what is different now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from stilt.batch.manifest import newest_first, read_manifest
from stilt.config.digests import (
    accepted_digests,
    snapshot_digest,
)
from stilt.config.load import parse_config
from stilt.foundations.errors import DamagedError, InputError
from stilt.foundations.inside import read_regular

if TYPE_CHECKING:
    from stilt.batch.manifest import Manifest
    from stilt.config.schema import Config, Met
    from stilt.foundations.paths import Layout

MOST_SETTINGS_BYTES = 16 << 20


def read_settings(layout: Layout, manifest: Manifest) -> Config:
    """Read a batch's settings, which are named by their digest.

    Raises
    ------
    DamagedError
        If they are not those handed over.
    """
    path = layout.config_snapshot(manifest.batch, manifest.config)
    hint = "`stilt run` hands its work over again"
    try:
        data = read_regular(path, MOST_SETTINGS_BYTES)
        if snapshot_digest(data) != manifest.config:
            raise DamagedError(
                f"the batch's settings {path} are not those handed over",
                hint,
                code="HANDOVER_DAMAGED",
            )
        # Asked about a projection, PROJ keeps its database open. The pool's processes, forked from this
        # one, close what they inherit, and PROJ would go on to read, and close, what has the number then.
        return parse_config(data.decode(), str(path), projections=False)
    except (OSError, UnicodeDecodeError, InputError) as error:
        raise DamagedError(
            f"the batch's settings {path} cannot be read: {error}", hint, code="HANDOVER_DAMAGED"
        ) from error


def named_before(layout: Layout, config: Config) -> Config:
    """Return settings in which a met that is now found by headers has the names by which it was found before.

    How files are found is no part of what they hold: what was made from them stays done.
    """
    mets = {name: _named(layout, name, met) for name, met in config.mets.items()}
    return replace(config, mets=mets)


def _named(layout: Layout, name: str, met: Met) -> Met:
    if met.file_format is not None and met.file_tres is not None:
        return met
    for batch in newest_first(layout):
        try:
            manifest = read_manifest(layout.manifest(batch))
            handed = read_settings(layout, manifest)
        except DamagedError:
            continue
        before = handed.mets.get(name)
        if before is None:
            continue
        if before.file_format is not None and before.file_tres is not None:
            is_same = met.file_format in {None, before.file_format}
            names = {"file_format": before.file_format, "file_tres": before.file_tres}
            return replace(met, **names) if is_same else met
        if manifest.transports.get(name) in accepted_digests(handed, name, manifest.engine):
            return met  # no batch before had other names, or none that counted
    return met
