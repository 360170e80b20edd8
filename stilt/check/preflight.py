"""All checks of a project, in the order in which they depend on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stilt.check.finding import Finding, fine, from_error, no_effect, note, warning
from stilt.config.followed import told
from stilt.config.load import load_config
from stilt.config.variants import kinds, pairing, settings_of
from stilt.foundations.errors import StiltError
from stilt.foundations.ownership import name_owner
from stilt.foundations.paths import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stilt.config.schema import Config
    from stilt.receptors.sequence import Receptors


def preflight(project: Path, receptors_file: Path | None = None) -> Iterator[Finding]:
    """Check a project: each finding as soon as it is known.

    What depends on something that is wrong is left out; all else is looked at.
    """
    layout = Layout.of(project)
    config: Config | None = None
    try:
        config = load_config(layout.config_file)
        name_owner(layout.config_file, "the settings", "what they name runs as you")
        yield fine("settings", f"{layout.config_file.name} is right")
        yield from (note("settings", text) for text in told(config))
        layout = Layout.of(project, config.output)
    except StiltError as error:
        yield from from_error("settings", error)
    receptors = None
    try:
        receptors = _read(receptors_file or layout.receptors_file, config)
    except StiltError as error:
        yield from from_error("receptors", error)
    if config is not None:
        if receptors is not None:
            is_part = receptors_file is not None
            yield from check_kernels(config, receptors, is_part=is_part)
            yield from check_rows(config, receptors)
        yield from _check_with_config(layout, config, receptors)


def _check_with_config(
    layout: Layout, config: Config, receptors: Receptors | None
) -> Iterator[Finding]:
    from stilt.batch.today import newest_engine
    from stilt.check.meteorology import check_met
    from stilt.check.places import check_grid, check_receptors
    from stilt.check.storage import check_storage
    from stilt.check.surroundings import check_engine, check_shared, check_slurm
    from stilt.met.kept import keep_in
    from stilt.transport.engines import with_roughness

    if receptors is not None:
        yield from check_receptors(receptors, config)
        for name, grid in config.footprints.items():
            yield from check_grid(name, grid, receptors)
    keep_in(layout)
    settled = with_roughness(config, newest_engine(layout))
    said: set[tuple[str, str]] = set()  # of a meteorology: its variants need not repeat it
    for name, kind in kinds(config).items():
        own = settings_of(settled, name)
        for finding in check_met(name, config.mets[kind.met], own, receptors):
            if not kind.variant or (kind.met, finding.text) not in said:
                yield finding
            said.add((kind.met, finding.text))
    yield from check_engine(settled)
    simulations = len(receptors) if receptors is not None else 0
    yield from check_storage(layout, config, simulations)
    if config.execution.backend == "slurm":
        yield from check_shared(layout)
        yield from check_slurm(layout, config, simulations)


def check_kernels(config: Config, receptors: Receptors, *, is_part: bool) -> Iterator[Finding]:
    """Hold the tables of kernels against the receptors."""
    from stilt.weighting.kernels import weights_of

    try:
        found = weights_of(config, receptors, is_part=is_part)
    except StiltError as error:
        yield from from_error("kernels", error)
        return
    for name, kernels in found.items():
        count = int((kernels.of_receptor >= 0).sum())
        yield fine("kernels", f"{name}: {count:,} of {receptors.n_receptors:,} receptors have one")
        yield from (note("kernels", f"{name}: {text}") for text in kernels.notes)
        for text, hint in kernels.suspected(receptors):
            yield warning("kernels", f"{name}: {text}", hint, code="KERNELS_ODD")
        if config.footprints[name].missing == "unweighted" and count == receptors.n_receptors:
            what = f"footprints.{name}.missing"
            yield note("kernels", no_effect(what, "every receptor has a kernel"))


def check_rows(config: Config, receptors: Receptors) -> Iterator[Finding]:
    """Tell whether workers can make rows of the matrix that is asked for."""
    if config.jacobian is None:
        return
    from stilt.matrix.asked import Asked

    try:
        asked = Asked(config, config.jacobian)
        asked.check(receptors.first_and_last)
    except StiltError as error:
        yield from from_error("jacobian", error)
    else:
        yield fine(
            "jacobian", f"rows of footprint {asked.name} beside it, in bins {asked.section.bins}"
        )


def _read(path: Path, config: Config | None) -> Receptors:
    from stilt.receptors import read_receptors

    if config is None:
        return read_receptors(path, ["met"])
    return read_receptors(path, *pairing(config))
