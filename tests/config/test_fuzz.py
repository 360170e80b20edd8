"""No text is so odd that the loader does anything but read it or say what is wrong."""

from __future__ import annotations

import contextlib
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.config.load import parse_config
from stilt.config.schema import Config, Execution, FootprintGrid, Met
from stilt.foundations.errors import ProblemsError
from tests.config.settings import TYPICAL

keys = st.sampled_from(
    [
        *Config.__struct_fields__,
        *Met.__struct_fields__,
        *FootprintGrid.__struct_fields__,
        *Execution.__struct_fields__,
        "cpus-per-task",
        "array",
        "<<",
        "",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1e-4", "20:00", "0123", "6h", "+proj=longlat", "s3://x"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


def accepts_or_explains(text: str) -> None:
    try:
        config = parse_config(text, "config.yaml")
    except ProblemsError as error:
        problems = error.problems
    else:
        assert isinstance(config, Config)
        return
    assert problems
    assert all(problem and "\n" not in problem for problem in problems)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(keys, values, max_size=8))
def test_any_mapping_is_read_or_explained(data: Any):
    accepts_or_explains(yaml.safe_dump(data))


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_any_text_is_read_or_explained(text: str):
    with contextlib.suppress(UnicodeEncodeError):
        accepts_or_explains(text)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(TYPICAL)), st.integers(0, 5), st.text(max_size=4))
def test_any_typing_error_is_read_or_explained(place: int, removed: int, typed: str):
    accepts_or_explains(TYPICAL[:place] + typed + TYPICAL[place + removed :])
