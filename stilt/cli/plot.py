"""``stilt plot``: a picture of a simulation, or of several."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stilt.cli import offered
from stilt.cli.boxes import BoxCommand, box_option
from stilt.cli.options import footprint_option, refuse_projects
from stilt.foundations.errors import InputError

if TYPE_CHECKING:
    from stilt.api.pictures import Chosen
    from stilt.api.project import Project
    from stilt.api.project_simulation import ProjectSimulation
    from stilt.plot.field_map import Look
    from stilt.plot.fields import How

EXAMPLES = """\b
Examples:
  stilt plot jet_202606162200_-111.9_40.5_30
  stilt plot 2200_-111.9_40.5_30 demo     a part that only one id has will do
  stilt plot 2200_-111.9_40.5_30 demo -o picture.pdf --percent 50,90
  stilt plot demo --where "height_m < 100" --from 2026-06-16 --panels
  stilt plot demo --animate film.gif      the mean of all, hour by hour
  stilt plot demo --observations flux.nc:co2 --background 420
  stilt plot 2200_-111.9_40.5_30 native --minus hysplit   two projects
"""


def _percent(_: Any, __: Any, text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of numbers such as 50,90.") from None


@click.command(
    "plot", cls=BoxCommand, epilog=EXAMPLES, context_settings={"ignore_unknown_options": True}
)
@click.argument("names", metavar="[SIM]... [PROJECT]", nargs=-1, shell_complete=offered.simulations)
@click.option(
    "--where",
    metavar="CONDITION",
    help="Those of which this holds: 'height_m > 100' (of several heights the first; the mean: mean_height_m).",
)
@click.option("--from", "since", metavar="TIME", help="Receptors from this time on, UTC.")
@click.option("--to", "until", metavar="TIME", help="Receptors before this time.")
@click.option("--sum/--mean", "is_sum", default=None, help="Of several; their mean unless given.")
@click.option("--panels", is_flag=True, help="Each in a map of its own, on one scale.")
@click.option("--minus", metavar="SIM|PROJECT", help="Less another simulation, or the same there.")
@click.option("--hour", type=int, help="One hour: -6 begins six hours before the receptor's time.")
@click.option(
    "--animate",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A film by the hour: .gif, .html, or .mp4 with ffmpeg.",
)
@click.option(
    "--observations",
    metavar="FLUX",
    help="Observed against modelled, map and scatter: by a NetCDF of fluxes (FILE[:VARIABLE]).",
)
@click.option("--background", type=float, metavar="PPM", help="What fluxes are added to.")
@footprint_option("name", metavar="NAME")
@box_option("--extent", text="What the map shows, degrees.")
@click.option("--vmin", type=float, help="Low end of the scale.")
@click.option("--vmax", type=float, help="High end of the scale.")
@click.option("--percent", callback=_percent, metavar="50,90", help="Contours that hold so much.")
@click.option("--title", help="Above the map.")
@click.option("--particles/--no-particles", default=None, help="Of one simulation, beside it.")
@click.option("--dpi", type=click.IntRange(10, 1200), help="Dots per inch; 150 unless given.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture (.png, .pdf, .svg); unless given SIM.png here, or footprints.png.",
)
@click.option("--window", is_flag=True, help="Show one simulation in a window; write no file.")
def command(**options: Any) -> None:
    """Draw simulation SIM: its footprint on a map, its particles in plan and in height against time.

    Of several SIM, or a PROJECT with those that --where, --from and --to choose, the mean, the sum, panels or a film.
    """
    from stilt.api.project import Project
    from stilt.plot.field_map import Look

    with suppress(ImportError):
        import matplotlib as mpl

        # a matplotlibrc in the current folder may be anybody's, and would have LaTeX started
        mpl.rcParams["text.usetex"] = False
    sims, folder = _sims_and_project(options["names"])
    looks = ("extent", "vmin", "vmax", "title", "percent")
    look = Look(**{key: options[key] for key in looks})
    project = Project(folder)
    narrows = any(options[key] is not None for key in ("where", "since", "until"))
    kind = next((key for key in KINDS if options[key]), "")
    is_one = len(sims) == 1 and not narrows and not kind
    _refuse_what_does_not_go_together(options, kind, is_one=is_one)
    if is_one:
        _one(project, sims[0], look, options)
    else:
        click.echo(str(_several(project, sims, look, options)))


KINDS = ("panels", "minus", "animate", "observations")

NOT_WITH = {
    "panels": ("is_sum",),
    "animate": ("hour", "output"),
    "observations": ("is_sum", "hour", "extent", "vmin", "vmax", "percent"),
}
"""What a kind of picture has no place for."""

FLAGS = {"is_sum": "sum or --mean", "output": "output (FILE is the output)"}


def _refuse_what_does_not_go_together(options: dict[str, Any], kind: str, *, is_one: bool) -> None:
    """Refuse options that the picture would leave aside: nothing is taken in silence.

    Raises
    ------
    click.UsageError
        If there is one.
    """
    kinds = [each for each in KINDS if options[each]]
    if len(kinds) > 1:
        raise click.UsageError(f"--{kinds[0]} and --{kinds[1]} are two pictures: ask for one.")
    if kind == "observations" and options["background"] is None:
        raise click.UsageError("--observations needs --background PPM, which fluxes are added to.")
    without = [
        *NOT_WITH.get(kind, ()),
        *(("is_sum",) if is_one else ("particles", "window")),
        *(("output", "dpi") if options["window"] else ()),
        *(() if kind == "observations" else ("background",)),
    ]
    picture = f"--{kind}" if kind else "one simulation" if is_one else "several simulations"
    for key in without:
        is_given = options[key] if key in {"window", "percent"} else options[key] is not None
        if is_given:
            raise click.UsageError(f"--{FLAGS.get(key, key)} does not go with {picture}.")


def _sims_and_project(names: tuple[str, ...]) -> tuple[list[str], Path]:
    """Return simulations and the project's folder: the last name, if it is one."""
    from stilt.foundations.paths import local_path

    *rest, last = names or (".",)
    refuse_projects(tuple(rest))
    if "://" in last or Path(last).is_dir():
        return rest, local_path(last, "the project")
    return list(names), Path()


def _one(project: Project, sim: str, look: Look, options: dict[str, Any]) -> None:
    result = _found(project, sim)
    if options["window"]:
        from stilt.plot.window import show

        show(
            result,
            name=options["name"],
            look=look,
            hour=options["hour"],
            particles=options["particles"] is not False,
        )
        return
    path = options["output"] or Path(f"{result.id}.png")
    result.plot(
        path,
        name=options["name"],
        hour=options["hour"],
        particles=options["particles"] is not False,
        dpi=options["dpi"],
        extent=look.extent,
        vmin=look.vmin,
        vmax=look.vmax,
        title=look.title,
        percent=look.percent,
    )
    click.echo(str(path))


def _found(project: Project, text: str) -> ProjectSimulation:
    from stilt.status.words import find_id

    return project[find_id(project.layout, text)]


def _several(project: Project, sims: list[str], look: Look, options: dict[str, Any]) -> Path:
    """Draw several simulations, and return the file."""
    from stilt.api.pictures import choose
    from stilt.cli.bar import with_bar
    from stilt.foundations.ownership import refuse_foreign_link
    from stilt.plot.film import FILM_DPI, film

    keys = ("where", "since", "until")
    ids = [_found(project, sim).id for sim in sims] or None
    narrowed = {key: options[key] for key in keys}
    chosen = choose(project, ids, footprint=options["name"], **narrowed)
    how: How = "sum" if options["is_sum"] else "mean"
    look = replace(look, title=look.title or chosen.title)
    if options["animate"]:
        path, dpi = options["animate"], options["dpi"] or FILM_DPI
        fields = chosen.by_hour(how)
        with_bar("film", lambda tell: film(path, fields, look, dpi=dpi, tell=tell))
        return Path(path)
    path = options["output"] or Path("footprints.png")
    refuse_foreign_link(path)
    _figure(chosen, how, look, options).savefig(path, dpi=options["dpi"] or "figure")
    return Path(path)


def _compared(chosen: Chosen, title: str | None, options: dict[str, Any]) -> Any:
    """Return the picture of what was observed against what is modelled."""
    from stilt.api.modelled import OBSERVED, modelled
    from stilt.matrix.targets import open_variable
    from stilt.plot.comparison import nothing_observed, plot_modelled

    if OBSERVED not in chosen.footprints.coords:
        raise nothing_observed()
    flux = open_variable(options["observations"], "the flux")
    found = modelled(chosen.project, flux, options["background"], footprint=options["name"])
    is_chosen = found["receptor"].isin(chosen.receptors)
    canvas = plot_modelled(found.isel(receptor=is_chosen.to_numpy()))
    canvas.suptitle(title or chosen.title, fontsize=11)
    return canvas


def _figure(chosen: Chosen, how: Any, look: Look, options: dict[str, Any]) -> Any:
    from stilt.plot.field_map import draw_field
    from stilt.plot.figure import MAP_INCHES, new_figure
    from stilt.plot.many import draw_minus, draw_panels

    hour = options["hour"]
    if options["observations"]:
        return _compared(chosen, look.title, options)
    if options["panels"]:
        return draw_panels(chosen.each(hour), look)
    if options["minus"]:
        other, names = _other(chosen, options)
        return draw_minus(chosen.field(how, hour), other.field(how, hour), names, look)
    canvas = new_figure(MAP_INCHES)
    draw_field(canvas.subplots(), chosen.field(how, hour), look)
    return canvas


def _refuse_uneven(chosen: Chosen, other: Chosen, options: dict[str, Any]) -> None:
    if options["is_sum"] and len(other.ids) != len(chosen.ids):
        raise InputError(
            f"{len(chosen.ids):,} simulations less {len(other.ids):,}: sums over so many realizations and so many are "
            "of different things",
            "leave out --sum, for their means",
            code="OPTIONS_UNFIT",
        )


def _other(chosen: Chosen, options: dict[str, Any]) -> tuple[Chosen, tuple[str, str]]:
    """Return what is taken away, and what both are called: another simulation, or the same of another project."""
    from stilt.api.pictures import choose, counterparts
    from stilt.api.project import Project
    from stilt.foundations.paths import local_path

    name, product = options["minus"], options["name"]
    if Path(name).is_dir():
        folder = local_path(name, "the project")
        other = counterparts(chosen, Project(folder), product)
        _refuse_uneven(chosen, other, options)
        return other, (chosen.project.path.resolve().name, folder.resolve().name)
    other = choose(chosen.project, [_found(chosen.project, name).id], footprint=product)
    return other, (chosen.name, other.name)
