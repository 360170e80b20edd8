"""``stilt met``: which meteorology there is, and which receptors can run with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stilt.cli import offered
from stilt.cli.boxes import BoxCommand, box_option
from stilt.cli.options import project_argument
from stilt.cli.terminal import terminal_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stilt.config.schema import Config, Met
    from stilt.met.inventory import Collection, Inventory
    from stilt.met.supply import Mirror, Part
    from stilt.receptors.sequence import Receptors

    Fact = tuple[str, str]
    """What it is about, and what there is to say."""

TEXT_FROM = 13
"""The column where texts begin, beside what they are about."""

MINUTE = "%Y-%m-%d %H:%M"
SHOWN = 3
"""How many gaps, files and simulations are named."""


@click.command(
    "met",
    cls=BoxCommand,
    epilog="\b\n"
    "Examples:\n"
    "  stilt met                                     what there is\n"
    "  stilt met --download hrrr                     what the receptors need\n"
    "  stilt met --fetch                             the same from a URL\n"
    "  stilt met --crop -115 -108 38 43 --to small   a cropped copy of it\n"
    "  stilt met --convert era5 --to era5-arl        other files as ARL files",
)
@project_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--files", is_flag=True, help="List every file with its hours.")
@click.option(
    "--met",
    "name",
    shell_complete=offered.mets,
    help="The one of several meteorologies to download or crop.",
)
@click.option(
    "--download",
    "archive",
    metavar="ARCHIVE",
    shell_complete=offered.archives,
    help="Fetch from NOAA: hrrr, nam12, ...",
)
@click.option(
    "--mirror", type=click.Choice(["s3", "http", "ftp"]), default="http", show_default=True
)
@click.option("--fetch", "is_fetched", is_flag=True, help="Fetch from the URLs of the settings.")
@box_option(
    "--crop", "box", text="A part of it, degrees: 115W 108W 38N 43N.", was_south_second=True
)
@click.option("--levels", type=click.IntRange(min=1), help="Levels to keep above the surface.")
@click.option(
    "--convert",
    "converted",
    metavar="NAME",
    shell_complete=offered.mets,
    help="Write ARL files of this meteorology.",
)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Folder for the cropped or converted files.",
)
def command(
    *,
    project: Path,
    as_json: bool,
    files: bool,
    name: str | None,
    archive: str | None,
    mirror: Mirror,
    is_fetched: bool,
    box: tuple[float, float, float, float] | None,
    levels: int | None,
    converted: str | None,
    target: Path | None,
) -> int:
    """Show the files, hours, grid and levels of each meteorology, and which receptors it covers.

    Or get it: downloaded from NOAA's archives into the meteorology's folder, fetched from a URL, cropped into another
    folder, or written as ARL files for hycs_std. Exit code: 2 where a meteorology has no file that can be read and none
    to fetch, or serves none of the receptors.
    """
    from stilt.config.load import load_config
    from stilt.met.supply import Part

    config = load_config(project / "config.yaml", projections=False)
    receptors = _receptors(project, config)
    west, east, south, north = box or (0.0, 0.0, 0.0, 0.0)
    part = Part((west, south, east, north) if box else None, levels)
    if archive is not None:
        _download(_one(config, name), config, receptors, archive=archive, mirror=mirror, part=part)
    elif is_fetched:
        if box is not None or levels is not None or target is not None:
            raise click.UsageError("--fetch goes with --met alone.")
        _fetch(config, receptors, name)
    elif converted is not None:
        if target is None or box is not None or levels is not None:
            raise click.UsageError("--convert needs --to FOLDER, and neither --crop nor --levels.")
        _convert(_one(config, converted), config, receptors, target.absolute())
    elif target is not None:
        _crop(_one(config, name), config, receptors, target.absolute(), part)
    elif box is not None or levels is not None:
        raise click.UsageError("--crop and --levels need --to FOLDER, or --download ARCHIVE.")
    else:
        return _show(project, config, receptors, as_json=as_json, list_files=files)
    return 0


def _show(
    project: Path,
    config: Config,
    receptors: Receptors | None,
    *,
    as_json: bool,
    list_files: bool,
) -> int:
    """Print what there is, and return the exit code."""
    from stilt.batch.today import newest_engine
    from stilt.foundations.errors import InputError
    from stilt.foundations.ownership import name_owner
    from stilt.foundations.page import ENDLESS, Page
    from stilt.foundations.paths import Layout
    from stilt.foundations.text import json_text
    from stilt.met.inventory import take_inventory
    from stilt.met.kept import keep_in
    from stilt.transport.engines import with_roughness

    layout = Layout.of(project, config.output)
    keep_in(layout)
    if receptors:
        name_owner(layout.config_file, "the settings", "what they name runs as you")
    settled = with_roughness(config, newest_engine(layout))
    found = {name: take_inventory(met) for name, met in config.mets.items()}
    distant = {name: _distant(name, config, receptors) for name in found} if receptors else {}
    refused = {name: _refused(name, settled, receptors) for name in found} if receptors else {}
    count = receptors.n_receptors if receptors else 0
    serves_none = any(0 < count <= sum(map(len, each.values())) for each in refused.values())
    is_useless = serves_none or not all(
        each.collections or distant.get(name) for name, each in found.items()
    )
    code = InputError.exit_code if is_useless else 0
    if as_json:
        facts = {name: _facts(each, settled) for name, each in found.items()}
        if receptors:
            for name, each in refused.items():
                facts[name] |= _facts_of_receptors(each, receptors)
                facts[name]["to_fetch"] = distant[name]
        click.echo(json_text(facts, indent=-1))
        return code
    page = Page(terminal_width(piped=ENDLESS))
    for name, inventory in found.items():
        page.line(f"{name}  {_described(config.mets[name])}")
        words = distant.get(name, "")
        is_here = bool(inventory.collections) or not words
        told = [*_lines(inventory, settled, list_files=list_files)] if is_here else []
        if words:
            told.append(("to fetch", words))
        if not is_here:
            told.append(("receptors", "whether they can run is not known before"))
        elif receptors:
            told += _about_receptors(refused[name], receptors)
        for label, text in told:
            page.beside((f"  {label}",), (text,), TEXT_FROM)
    click.echo(page.text(), nl=False)
    return code


def _distant(name: str, config: Config, receptors: Receptors) -> str:
    """Say what is at a distance and not here yet, or why that is not known; nothing where all is here."""
    from stilt.config.variants import longest_hours
    from stilt.foundations.errors import StiltError
    from stilt.met.distant.survey import survey

    met = config.mets[name]
    if not met.source:
        return ""
    try:
        found = survey(name, met, receptors.minutes, longest_hours(config, name))
    except StiltError as error:
        return error.message
    return found.words or found.silent


def _one(config: Config, name: str | None) -> str:
    """Return the meteorology that is meant."""
    if name is None and len(config.mets) == 1:
        return next(iter(config.mets))
    if name not in config.mets:
        raise click.UsageError(f"Say which: --met {' or '.join(config.mets)}.")
    return name


def _download(
    name: str,
    config: Config,
    receptors: Receptors | None,
    *,
    archive: str,
    mirror: Mirror,
    part: Part,
) -> None:
    from stilt.config.variants import longest_hours
    from stilt.foundations.errors import InputError
    from stilt.foundations.quantities import counted
    from stilt.met.supply import download, needed_spans

    if receptors is None:
        raise InputError(
            "there is no receptors.csv",
            "it says for which hours to download",
            code="RECEPTORS_ABSENT",
        )
    spans = needed_spans(receptors.minutes, longest_hours(config, name))
    count = 0
    for path in download(archive, spans, Path(config.mets[name].directory), part, mirror):
        click.echo(path)
        count += 1
    click.echo(f"{counted(count, 'file')} there", err=True)


def _fetch(config: Config, receptors: Receptors | None, name: str | None) -> None:
    from dataclasses import replace

    from stilt.commands.fetch import fetched, surveys, told_of
    from stilt.foundations.errors import InputError
    from stilt.foundations.quantities import counted

    if receptors is None:
        raise InputError(
            "there is no receptors.csv", "it says for which hours to fetch", code="RECEPTORS_ABSENT"
        )
    chosen = [met for met, each in config.mets.items() if each.source and name in {None, met}]
    if not chosen:
        what = f"mets.{name}.directory" if name else "the directory of no meteorology"
        raise InputError(
            f"{what} is{' no' if name else ' a'} URL",
            "there is nothing to fetch",
            code="MET_NOT_DISTANT",
        )
    found = surveys(config, replace(receptors, mets=tuple(chosen)))
    for words in told_of(found, "fetching"):
        click.echo(words, err=True)
    count = 0
    for path in fetched(found):
        click.echo(path)
        count += 1
    click.echo(f"{counted(count, 'file')} fetched{'' if count else ': all there'}", err=True)
    for each in found if count else ():
        _refuse_what_is_none(each.survey.name, each.survey.met)


def _refuse_what_is_none(name: str, met: Met) -> None:
    """Refuse what came where none of it reads: a server may answer with a page of its own."""
    from stilt.foundations.errors import InputError
    from stilt.met.inventory import take_inventory

    if not take_inventory(met).collections:
        raise InputError(
            f"met {name}: nothing that was fetched reads as meteorology",
            f"look into {met.directory}: a server may have sent a page in its place",
            code="MET_FETCHED_UNREADABLE",
        )


def _crop(name: str, config: Config, receptors: Receptors | None, target: Path, part: Part) -> None:
    from stilt.config.variants import longest_hours
    from stilt.foundations.quantities import counted
    from stilt.met.inventory import take_inventory
    from stilt.met.supply import crop, needed_spans, overlapping

    met = config.mets[name]
    files = [file for each in take_inventory(met).collections for file in each.files]
    if receptors is not None:
        files = overlapping(files, needed_spans(receptors.minutes, longest_hours(config, name)))
    count = 0
    for path in crop(files, Path(met.directory), target, part):
        click.echo(path)
        count += 1
    click.echo(
        f"{count:,} of {counted(len(files), 'file')} written; now set mets.{name}.directory to {target}",
        err=True,
    )


def _convert(name: str, config: Config, receptors: Receptors | None, target: Path) -> None:
    from stilt.config.variants import longest_hours
    from stilt.foundations.quantities import counted
    from stilt.met.convert import convert, days_left_out
    from stilt.met.inventory import take_inventory
    from stilt.met.supply import needed_spans

    files = [file for each in take_inventory(config.mets[name]).collections for file in each.files]
    spans = (
        [] if receptors is None else needed_spans(receptors.minutes, longest_hours(config, name))
    )
    count = 0
    for path in convert(name, files, target, spans):
        click.echo(path)
        count += 1
    words = f"{counted(count, 'file')} written"
    left_out, days = days_left_out(files, spans)
    if not count:
        words += ": all there" if left_out < days else ""
    if left_out:
        words += f"; the receptors of today do not need {left_out:,} of {counted(days, 'day')}"
    click.echo(f"{words}; now set mets.{name} to {target}", err=True)


def _receptors(project: Path, config: Config) -> Receptors | None:
    from stilt.receptors import read_receptors

    path = project / "receptors.csv"
    return read_receptors(path, list(config.mets)) if path.is_file() else None


def _described(met: Met) -> str:
    names = met.file_format or "all files"
    source = f" from {met.source}" if met.source else ""
    return f"{met.directory}{source}, {names}{f' every {met.file_tres}' if met.file_tres else ''}"


def _lines(inventory: Inventory, config: Config, *, list_files: bool) -> Iterator[Fact]:
    if not inventory.collections:
        yield "files", "no file reads as ARL, NetCDF, Zarr or GRIB"
    for collection in inventory.collections:
        yield from _about(collection)
        yield from _about_surface(collection, config)
        if list_files:
            for file in sorted(collection.files, key=lambda each: each.times[0]):
                yield "", f"{file.times[0]:{MINUTE}} to {file.times[-1]:{MINUTE}}  {file.path}"
    if inventory.unread:
        more = f" and {len(inventory.unread) - 1:,} more" if len(inventory.unread) > 1 else ""
        yield "left out", f"{inventory.unread[0]}{more}"


def _about(collection: Collection) -> Iterator[Fact]:
    from stilt.foundations.quantities import counted, duration, size
    from stilt.met.inventory import LEVEL_TYPES
    from stilt.met.overlaps import overlap_words

    first = collection.files[0]
    step = f", every {duration(collection.step.total_seconds())}" if collection.step else ""
    yield "files", f"{counted(len(collection.files), 'file')}, {size(collection.size_bytes)}"
    yield "hours", f"{collection.span}{step}"
    gaps = collection.gaps
    if gaps:
        more = f" and {len(gaps) - SHOWN:,} more" if len(gaps) > SHOWN else ""
        yield "gaps", f"{'; '.join(map(str, gaps[:SHOWN]))}{more}"
    if words := overlap_words(collection.overlaps):
        yield "overlap", words
    yield "grid", f"{first.model or first.format}, {collection.grid.words}"
    kind = LEVEL_TYPES.get(first.level_type, "unknown")
    ground, *upper = collection.levels
    if upper:
        yield "levels", f"{len(upper)} of {kind}, {upper[0].height:g} to {upper[-1].height:g}"
    names = upper[0].variables if upper else ("none",)
    yield "variables", f"{' '.join(names)}; at the ground {' '.join(ground.variables)}"


def _about_surface(collection: Collection, config: Config) -> Iterator[Fact]:
    """Tell where each quantity of the surface comes from, and which variables are not used."""
    rows, why_not, unused = _surface(collection, config)
    if why_not:
        yield "surface", f"refused by model: native: {why_not}"
    for number, (quantity, source) in enumerate(rows):
        yield "" if number else "surface", f"{quantity:<17}{source}"
    for number, words in enumerate(unused):
        yield "" if number else "unused", words


def _surface(
    collection: Collection, config: Config
) -> tuple[list[tuple[str, str]], str, list[str]]:
    """Return where surface quantities come from, why native refuses the files, and what is not used of them."""
    from stilt.foundations.failures import TransportError
    from stilt.met.dataset.content import content_of
    from stilt.transport.native.meteorology import surface_of_files

    unused = [
        f"{each.variable}: {each.why_not}"
        for file in collection.files
        if file.format != "ARL"
        for each in content_of(file.path, file.table).unused
        if each.why_not
    ]
    try:
        return surface_of_files(collection.files, config), "", list(dict.fromkeys(unused))
    except TransportError as error:
        return [], str(error), list(dict.fromkeys(unused))


def _refused(name: str, config: Config, receptors: Receptors) -> dict[str, list[int]]:
    """Return the receptors that cannot run, in one of the variants at least, by reason."""
    from stilt.check.meteorology import ask
    from stilt.config.variants import kinds, settings_of

    found: dict[str, set[int]] = {}
    for kind in (each for each, of in kinds(config).items() if of.met == name):
        for refused in ask(kind, settings_of(config, kind), receptors).refused:
            found.setdefault(str(refused.reason), set()).update(refused.runs.tolist())
    return {reason: sorted(runs) for reason, runs in found.items()}


def _refused_at_all(refused: dict[str, list[int]]) -> int:
    return len(set().union(*refused.values()))


def _about_receptors(refused: dict[str, list[int]], receptors: Receptors) -> Iterator[Fact]:
    count = receptors.n_receptors
    yield "receptors", f"{count - _refused_at_all(refused):,} of {count:,} can run"
    for reason, rows in refused.items():
        shown = ", ".join(receptors.names[row].as_py() for row in rows[:SHOWN])
        yield "", f"{len(rows):,} {reason}: {shown}{' ...' if len(rows) > SHOWN else ''}"


def _facts_of_receptors(refused: dict[str, list[int]], receptors: Receptors) -> dict[str, Any]:
    numbers = {reason: len(rows) for reason, rows in refused.items()}
    count = receptors.n_receptors
    return {
        "receptors": count,
        "covered": count - _refused_at_all(refused),
        "refused": numbers,
    }


def _facts(inventory: Inventory, config: Config) -> dict[str, Any]:
    collections = []
    for collection in inventory.collections:
        first, span, step = collection.files[0], collection.span, collection.step
        facts: dict[str, Any] = {
            "model": first.model,
            "format": first.format,
            "files": len(collection.files),
            "bytes": collection.size_bytes,
            "start": span.start,
            "end": span.end,
            "step_minutes": step.total_seconds() / 60 if step else None,
            "gaps": [[gap.start, gap.end] for gap in collection.gaps],
            "overlaps": [
                {
                    "start": each.span.start,
                    "end": each.span.end,
                    "used": str(each.used),
                    "other": str(each.other),
                }
                for each in collection.overlaps
            ],
            "nx": collection.grid.nx,
            "ny": collection.grid.ny,
            "outline": collection.grid.outline(),
            "levels": [level.height for level in collection.levels],
        }
        rows, why_not, unused = _surface(collection, config)
        facts["surface"] = dict(rows)
        facts["refused_by_native"] = why_not
        facts["unused"] = unused
        collections.append(facts)
    return {"collections": collections, "unread": list(inventory.unread)}
