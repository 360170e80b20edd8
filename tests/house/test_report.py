"""`stilt report`: one page that holds all it shows, whatever the size of the run."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest

import stilt as package
from stilt.plot.map_frame import MapFrame
from stilt.plot.svg import charts
from stilt.plot.svg.png import encode_field
from stilt.report.content import Content, FootprintSum, collect
from stilt.report.page import render
from stilt.status.summary import BatchSummary, FailureExample, Summary
from tests.engines import Behaviour
from tests.projects import FOOTPRINT, make_project

VOID = {"meta", "link", "path", "polyline", "image", "br"}


class Elements(HTMLParser):
    """Counts elements and fails on one that is not closed in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: Counter[str] = Counter()

    def handle_starttag(self, tag, _attrs) -> None:
        self.count[tag] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, _attrs) -> None:
        self.count[tag] += 1

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def elements(page: str) -> Counter[str]:
    parser = Elements()
    parser.feed(page)
    assert parser.open == []
    return parser.count


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> package.Project:
    folder = tmp_path_factory.mktemp("report") / "my <tower>"
    heights = (5, 50, Behaviour.MODEL_ERROR, Behaviour.EMPTY)
    made = make_project(folder, heights, footprints=f"{{fine: {FOOTPRINT}}}")
    assert made.stilt("run", str(folder)).code == 1
    return package.Project(folder)


def test_the_page_shows_the_run(project) -> None:
    page = render(collect(project))
    for words in (
        "my &lt;tower&gt;",
        "MODEL_ERROR",
        "fake 1",
        "Wall time",
        "Mean footprint",
        "n_hours: -1",
    ):
        assert words in page
    assert re.search(r"t-complete'>2</b>", page)
    assert re.search(r"t-failed'>1</b>", page)
    count = elements(page)
    assert count["svg"] >= 5
    assert count["image"] == 1


def test_the_page_needs_nothing_from_outside(project) -> None:
    page = render(collect(project))
    assert not re.findall(r"(?:src|href)=[\"'](?!data:)", page)
    assert "http" not in page.replace(str(project.path), "")
    assert "<script" not in page


def test_ten_thousand_receptors_are_a_few_elements() -> None:
    random = np.random.default_rng(2)
    places = random.uniform((-114, 39), (-110, 42), (10_000, 2)).tolist()
    content = Content(
        summary=Summary(project="/p", as_of="2030-01-01T00:00:00Z", total=10_000, complete=10_000),
        progress={"complete": [(float(n), float(n)) for n in range(300)]},
        failures=Counter({("TIMEOUT", f"n{n}"): 3 for n in range(100)}),
        wall_s=None,
        memory=None,
        places={"complete": [tuple(place) for place in places]},
        settings="",
        engine="",
    )
    page = render(content)
    assert sum(elements(page).values()) < 500
    assert len(page) < 500_000


def test_whatever_a_log_or_a_config_holds_is_shown_as_text() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"\x1b[2J"
    frame = MapFrame(-114 + 0.1 * np.arange(4), 39 + 0.1 * np.arange(3))
    content = Content(
        summary=Summary(
            project=f"/p/{evil}",
            as_of=evil,
            total=1,
            failed=1,
            failure_examples={evil: FailureExample(sim=evil, message=evil)},
            batches=[BatchSummary(id=evil, seq=1, backend=evil, jobs=(evil,))],
        ),
        progress={},
        failures=Counter({(evil, evil): 1}),
        wall_s=None,
        memory=None,
        places={"failed": [(-113.0, 39.1)]},
        settings=f"about: {{title: {evil}}}",
        engine=evil,
        footprint=FootprintSum(evil, 1, 1, np.ones((3, 4)), frame),
        notes=[evil],
    )
    page = render(content)
    elements(page)
    assert not [
        mark for mark in ("<script", "<img", "onerror=alert(1)>'\"", "\x1b") if mark in page
    ]


def test_a_project_that_never_ran_has_a_page_too(tmp_path) -> None:
    made = make_project(tmp_path / "p")
    page = render(collect(package.Project(made.path)))
    assert "No simulation failed" in page
    elements(page)


def test_the_command_writes_where_it_is_told(project, stilt, tmp_path) -> None:
    shown = stilt("report", project.path, "-o", "page.html")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "page.html\n"
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_field_is_a_png_with_north_at_the_top_and_nothing_transparent() -> None:
    data = encode_field(np.array([[0.0, 1.0, 0.01], [0.0, 0.0, 1e-9]]), most=1.0, decades=4)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    start = data.index(b"IDAT") + 4
    raw = zlib.decompressobj().decompress(data[start:])
    rows = np.frombuffer(raw, np.uint8).reshape(2, 1 + 3 * 4)
    pixels = rows[:, 1:].reshape(2, 3, 4)
    assert (rows[:, 0] == 0).all()
    assert pixels[0, :, 3].tolist() == [0, 0, 0]
    assert pixels[1, :, 3].tolist() == [0, 255, 255]
    assert pixels[1, 1, :3].sum() < pixels[1, 2, :3].sum(), "more is darker"


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.026), (-112.4, -111.4), (0, 1_000_000), (3, 3)]
)
def test_ticks_are_round_numbers_within_the_axis(low, high) -> None:
    ticks = charts.Axis(low, high, 0, 100).ticks()
    assert 1 <= len(ticks) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
