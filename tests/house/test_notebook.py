"""Notebooks: what objects show of themselves, and one that is executed from end to end."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

import stilt as package
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = REPOSITORY / "tools" / "notebooks" / "enhancements.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> list[dict]:
    """All outputs of the notebook, executed in a kernel of its own."""
    folder: Path = tmp_path_factory.mktemp("notebook")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of event loops and sockets, which are not ours
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(
            notebook, timeout=600, resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def shown(outputs: list[dict], kind: str) -> list[str]:
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def test_the_notebook_runs_and_says_nothing_on_stderr(outputs) -> None:
    assert not [each for each in outputs if each.get("name") == "stderr"]


def test_a_run_shows_one_bar_and_no_line_a_simulation(outputs) -> None:
    [bar] = [text for text in shown(outputs, "text/html") if "<progress" in text]
    assert "4/4 (100%)" in bar
    printed = "".join(each["text"] for each in outputs if each["output_type"] == "stream")
    assert "4 simulations: 4 complete" in printed
    assert "jet_2026" not in printed


def test_objects_and_pictures_are_shown(outputs) -> None:
    pages = shown(outputs, "text/html")
    assert any("stilt-map" in page and "3 simulations" in page for page in pages), "the project"
    assert any("4 complete" in page for page in pages), "what run returns"
    assert any("<b>jet_202606162200_-111.9_40.5_500</b>" in page for page in pages)
    assert len(shown(outputs, "image/png")) == 2
    assert "enhancement" in pages[-1]


def test_what_a_notebook_shows_is_escaped_and_small(tmp_path) -> None:
    folder = tmp_path / "<b>tower"
    import pandas as pd

    rows = pd.DataFrame(
        {"time": ["2026-06-16 10:00"], "longitude": -111.9, "latitude": 40.5, "altitude": 30}
    )
    settings = {"mets": {"jet": "/met/<script>"}, "n_hours": -1}
    project = package.Project.create(folder, settings, rows.assign(note="<img src=x>"))
    pages = [
        each._repr_html_() for each in (project, project[0], project.config, project.receptors)
    ]
    for page in pages:
        assert not [mark for mark in ("<b>tower", "<script", "<img") if mark in page]
        assert len(page) < 30_000
    assert "&lt;img src=x&gt;" in pages[1]


def test_receptors_are_added_all_or_none(tmp_path) -> None:
    import pandas as pd

    rows = pd.DataFrame(
        {
            "time": pd.date_range("2026-06-16", periods=2, freq="h", tz="Etc/GMT-1"),
            "longitude": -111.9,
            "latitude": 40.5,
            "altitude": 30,
        }
    )
    project = package.Project.create(tmp_path / "p", {"mets": {"m": "x"}, "n_hours": -1}, rows)
    assert project.receptors.ids()[0] == "m_202606152300_-111.9_40.5_30", "UTC"
    assert project.add_receptors(rows) == []
    before = (tmp_path / "p" / "receptors.csv").read_bytes()
    with pytest.raises(package.StiltError, match="these receptors: 2 problems"):
        project.add_receptors(rows.assign(latitude=400))
    assert (tmp_path / "p" / "receptors.csv").read_bytes() == before
    assert project.add_receptors(rows.assign(altitude=50).iloc[:1]) == [
        "m_202606152300_-111.9_40.5_50"
    ]
    assert len(project) == 3
    file = tmp_path / "p" / "receptors.csv"
    file.write_text("receptors of a tower\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(package.StiltError, match="is of a form that can't be added to"):
        project.add_receptors(rows.assign(altitude=70))
    with pytest.raises(package.StiltError, match="exists already"):
        package.Project.create(tmp_path / "p", {"mets": {"m": "x"}, "n_hours": -1})
    with pytest.raises(package.StiltError):
        package.Project.create(tmp_path / "q", {"mets": {"m": "x"}, "n_hours": "many"}, rows)
    assert not (tmp_path / "q").exists()
