"""The page: HTML around the charts."""

from __future__ import annotations

import time
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING

from stilt.foundations.quantities import counted, duration
from stilt.foundations.text import as_html, shown
from stilt.plot.svg import charts, maps
from stilt.plot.svg.png import scale_colours
from stilt.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy as np
    from numpy.typing import NDArray

    from stilt.report.content import Content, Histogram

DECADES = 4
NODES_SHOWN = 4
STATES = ("complete", "empty", "running", "pending", "failed", "interrupted", "stale")


def render(content: Content) -> str:
    """Return the whole page."""
    summary = content.summary
    style = files("stilt.report").joinpath("style.css").read_text(encoding="utf-8")
    cards = [
        _progress(content),
        _failures(content),
        _costs(content),
        _map(content),
        _footprint(content),
        _batches(content),
        _provenance(content),
    ]
    name = summary.project.rstrip("/").rpartition("/")[2]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{as_html(name)}: stilt report</title><style>{style}</style></head><body><main>"
        f"<h1>{as_html(name)}</h1><p class='sub'>{as_html(summary.project)} · "
        f"{counted(summary.total, 'simulation')} · as of {_said(summary.as_of)}</p>"
        f"{_tiles(content)}{_track(content)}<div class='cards'>{''.join(cards)}</div>"
        f"</main></body></html>\n"
    )


def _said(as_of: str) -> str:
    return as_html(as_of.replace("T", " ").replace("Z", " UTC"))


def _card(title: str, body: str, *, wide: bool = False) -> str:
    return f"<section class='card{' wide' * wide}'><h2>{as_html(title)}</h2>{body}</section>"


def _tiles(content: Content) -> str:
    summary = content.summary
    shown = [name for name in STATES if getattr(summary, name) or name in {"complete", "failed"}]
    tiles = [
        f"<div class='tile'><b class='t-{name if number else 'none'}'>{number:,}</b>{name}</div>"
        for name in shown
        for number in (getattr(summary, name),)
    ]
    past = summary.past_runs
    if past:
        tiles.append(f"<div class='tile'><b>{past.core_hours:,.1f}</b>core-hours</div>")
        tiles.append(
            f"<div class='tile'><b>{duration(past.wall_s.p50)}</b>a simulation, median</div>"
        )
    return f"<div class='tiles'>{''.join(tiles)}</div>"


def _track(content: Content) -> str:
    summary = content.summary
    total = max(summary.total, 1)
    parts = [
        f"<i class='t-{name}' style='width:{100 * getattr(summary, name) / total:.3f}%'></i>"
        for name in ("complete", "empty", "failed", "running", "interrupted", "stale")
        if getattr(summary, name)
    ]
    return f"<div class='track'>{''.join(parts)}</div>"


def _progress(content: Content) -> str:
    if not content.progress:
        return ""
    start = min(curve[0][0] for curve in content.progress.values())
    unit_s, unit = _time_unit(max(curve[-1][0] for curve in content.progress.values()) - start)
    curves = {
        name: [((at - start) / unit_s, count) for at, count in curve]
        for name, curve in content.progress.items()
    }
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(start))
    chart = charts.steps(
        curves,
        lambda value: f"{value:.4g}",
        "Simulations that ended, against time",
    )
    words = f"<p class='quiet'>Simulations that had ended, against {unit} since {began}</p>"
    return _card("Progress", chart + _legend(curves) + words)


def _time_unit(span_s: float) -> tuple[float, str]:
    """Return the unit in which a stretch of time has a readable number: its seconds, and its name."""
    units = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))
    return next(((unit, name) for unit, name in units if span_s >= 2 * unit), (1.0, "seconds"))


def _legend(names: Collection[str]) -> str:
    spans = [f"<span><i class='key t-{n}'></i>{n}</span>" for n in STATES if n in names]
    return f"<div class='legend quiet'>{''.join(spans)}</div>"


def _failures(content: Content) -> str:
    if not content.failures:
        return _card("Failures", "<p class='quiet'>No simulation failed.</p>")
    causes: Counter[str] = Counter()
    for (reason, _), number in content.failures.items():
        causes[reason] += number
    rows = "".join(_cause(content, reason, number) for reason, number in causes.most_common(30))
    head = "<tr><th>cause</th><th class='number'>simulations</th><th>where</th><th>latest message</th></tr>"
    return _card("Failures", f"<div class='scroll'><table>{head}{rows}</table></div>")


def _cause(content: Content, reason: str, number: int) -> str:
    nodes = Counter({node: n for (why, node), n in content.failures.items() if why == reason})
    where = ", ".join(f"{node or 'nowhere'} {n:,}" for node, n in nodes.most_common(NODES_SHOWN))
    if len(nodes) > NODES_SHOWN:
        where += f", and {counted(len(nodes) - NODES_SHOWN, 'further node')}"
    example = content.summary.failure_examples.get(reason)
    message = as_html(shown(example.message)) if example else ""
    return (
        f"<tr><td>{as_html(reason)}</td><td class='number'>{number:,}</td>"
        f"<td class='where'>{as_html(where)}</td><td class='quiet words'>{message}</td></tr>"
    )


def _costs(content: Content) -> str:
    shown = []
    past = content.summary.past_runs
    if content.wall_s and past:
        wall = past.wall_s
        words = f"median {duration(wall.p50)}, 95% {duration(wall.p95)}, most {duration(wall.max)}"
        shown.append(_bars("Wall time", content.wall_s, "seconds", words))
    if content.memory:
        shown.append(_bars("Memory", content.memory, "MiB"))
    return "".join(shown)


def _bars(title: str, found: Histogram, unit: str, *more: str) -> str:
    words = [f"simulations by {unit}", *more]
    if found.greatest > found.edges[-1]:
        words.append("the last bar has all that is more")
    chart = charts.histogram(found.counts, found.edges, _plain, f"{title} of a simulation")
    return _card(title, f"{chart}<p class='quiet'>{'; '.join(words)}</p>")


def _plain(value: float) -> str:
    return f"{value:,.6g}"


def _map(content: Content) -> str:
    if not any(content.places.values()):
        return ""
    order = {name: content.places[name] for name in STATES if name in content.places}
    drawn, beyond = maps.receptors(order, "Receptors by state")
    words = f"<p class='quiet'>{counted(beyond, 'receptor')} too far away for this map.</p>"
    return _card("Receptors", drawn + _legend(order) + words * bool(beyond))


def _footprint(content: Content) -> str:
    total = content.footprint
    if total is None or not (total.values > 0).any():
        return ""
    most = float(total.values.max())
    places = [place for group in content.places.values() for place in group]
    drawn = maps.field((total.frame, total.values), places, DECADES, "Mean footprint")
    colours = ", ".join(scale_colours(12))
    scale = (
        f"<div class='scale quiet'><span>{most / 10**DECADES:.1e}</span>"
        f"<div style='background:linear-gradient(to right, {colours})'></div>"
        f"<span>{most:.1e} ppm per µmol m⁻² s⁻¹</span></div>"
    )
    number = len(set(places))
    some = f"; {charts.FEW} of {number:,} places marked" if number > charts.FEW else ""
    of = "" if total.simulations == total.of else f" of {total.of:,}, evenly chosen"
    below = _below_zero(total.values)
    words = f"<p class='quiet'>{as_html(total.name)}: all hours, mean of {total.simulations:,}{of}{some}{below}</p>"
    return _card("Mean footprint", drawn + scale + words)


def _below_zero(values: NDArray[np.float64]) -> str:
    """Say how much of a footprint averaging kernels make negative, which its logarithmic scale has no place for."""
    below = -float(values[values < 0].sum())
    part = 100 * below / (below + float(values[values > 0].sum()))
    return (
        f"; {part:.2g} % of it are negative, by averaging kernels, and not drawn" if below else ""
    )


def _batches(content: Content) -> str:
    if not content.summary.batches:
        return ""
    names = ("total", "complete", "empty", "failed", "interrupted", "running", "pending")
    rows = [
        f"<tr><td>{as_html(batch.id)}</td><td>{as_html(batch.backend)} {as_html(', '.join(batch.jobs))}</td>"
        + "".join(f"<td class='number'>{getattr(batch, name):,}</td>" for name in names)
        + "</tr>"
        for batch in content.summary.batches
    ]
    head = "".join(f"<th class='number'>{name}</th>" for name in names)
    table = f"<table><tr><th>batch</th><th>where</th>{head}</tr>{''.join(rows)}</table>"
    return _card("Batches", f"<div class='scroll'>{table}</div>", wide=True)


def _provenance(content: Content) -> str:
    summary = content.summary
    facts = {
        "stilt": __version__,
        "engine": content.engine,
        "log": f"{counted(summary.events, 'event')} in {counted(summary.segments, 'segment')}"
        + (f", {summary.damaged:,} damaged" if summary.damaged else ""),
    }
    if summary.past_runs:
        past = summary.past_runs
        facts["core-hours"] = (
            f"{past.core_hours:,.2f}, {past.core_hours_wasted:,.2f} of them on what failed or was stopped"
        )
    if content.notes:
        facts["notes"] = "; ".join(content.notes)
    rows = "".join(
        f"<tr><th>{as_html(k)}</th><td>{as_html(v)}</td></tr>" for k, v in facts.items() if v
    )
    settings = f"<pre>{as_html(content.settings)}</pre>"
    return _card("Made with", f"<table class='facts'>{rows}</table>") + _card(
        "config.yaml", settings
    )
