"""The site of guide, specification and Python reference is made without a warning: links, headings, docstrings."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import stilt
from stilt.guide.topics import TOPICS
from tests.shared_data import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

BUILD = REPOSITORY / "tools" / "site_files" / "build.py"


@pytest.mark.slow
def test_the_site_is_made_without_a_warning(tmp_path: Path) -> None:
    has_sphinx = [sys.executable, "-c", "import sphinx, myst_nb, furo"]
    if subprocess.run(has_sphinx, capture_output=True, check=False).returncode:
        pytest.skip("Sphinx is not installed (tools/setup docs)")
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, BUILD, site], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr  # where there is a warning, too
    pictures = re.findall(r"\.png", (site / "notebooks" / "inversion.html").read_text("utf-8"))
    assert pictures, "notebooks are shown with what they print and draw"
    for name in TOPICS:
        assert (site / "guide" / f"{name}.html").is_file()
    reference = (site / "api.html").read_text(encoding="utf-8")
    for name in stilt.__all__:
        assert name.startswith("_") or f'id="stilt.{name}"' in reference
    for page in site.rglob("*.html"):
        for target in re.findall(r'href="([^"#:]+\.html)', page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page} leads to {target}"
