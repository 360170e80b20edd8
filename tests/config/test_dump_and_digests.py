"""Settings written out, read again, and told apart by digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stilt.config.digests import (
    accepted_digests,
    accepted_footprint_digests,
    config_digest,
    footprint_digest,
    grid_digest,
    rules,
    transport_digest,
)
from stilt.config.dump import dump_config
from stilt.config.execution import REFUSED
from stilt.config.load import parse_config
from stilt.config.schema import About, Config, Execution, FootprintGrid, JacobianSection, Keep, Met
from tests.config.settings import MINIMAL, TYPICAL

if TYPE_CHECKING:
    from collections.abc import Callable

ENGINE = "hysplit 5.1.0"

texts = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\x85"),
    min_size=1,
).filter(lambda text: bool(text.strip()))
tricky = st.sampled_from(
    ["20:00", "on", "no", "null", "~", "1e-4", "0123", "2015-01-01", "- a", "a: b", "#x", "&a", "'", '"', "<<", "=", "!x", "|", "1_000", "é"]  # noqa: E501
)  # fmt: skip
folders = texts.map("/{}".format).filter(lambda path: "::" not in path and "://" not in path)
"""Not those that name a protocol: such are refused."""

names = st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True)
options = st.from_regex(r"[a-z]{5,9}-[a-z]{3,6}", fullmatch=True).filter(
    lambda option: not any(name.startswith(option) for name in REFUSED)
)
sbatch_values = st.one_of(texts, tricky, st.integers(), st.booleans())


def numbers(kind: msgspec.inspect.Type) -> st.SearchStrategy[Any]:
    """Return what a number field may hold."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return st.none() | numbers(kind.types[0])
    if isinstance(kind, msgspec.inspect.BoolType):
        return st.booleans()
    if isinstance(kind, msgspec.inspect.IntType):
        return st.integers(kind.ge if kind.ge is not None else -(10**6), kind.le or 10**6)
    assert isinstance(kind, msgspec.inspect.FloatType)
    lowest = kind.ge if kind.ge is not None else kind.gt
    low = -1e9 if lowest is None else lowest
    return st.floats(low, 1e9, exclude_min=kind.gt is not None)


def number_fields() -> dict[str, msgspec.inspect.Type]:
    info = msgspec.inspect.type_info(Config)
    assert isinstance(info, msgspec.inspect.StructType)
    linked = ("err", "ziscale", "zicontroltf", "n_hours", "maxpar", "numpar")
    return {
        field.name: inner
        for field in info.fields
        for inner in [getattr(field.type, "type", field.type)]
        if not any(word in field.name for word in linked)
        and isinstance(
            inner,
            msgspec.inspect.IntType | msgspec.inspect.FloatType | msgspec.inspect.BoolType,
        )
    }


grids = st.builds(
    FootprintGrid,
    xmin=st.floats(-180, 0),
    xmax=st.floats(1, 180),
    ymin=st.floats(-90, 0),
    ymax=st.floats(1, 90),
    xres=st.floats(0.1, 1),
    yres=st.floats(0.1, 1),
    smooth_factor=st.floats(0, 10),
    time_integrate=st.booleans(),
)
mets = st.builds(
    Met,
    directory=folders,
    file_format=st.sampled_from(["%Y%m%d_%H", "gdas1.%b%y.w[0-9]", "wrf.*é", "a#b: 'c'"]),
    file_tres=st.sampled_from(["6h", "1d", "30min"]),
    n_met_min=st.integers(1, 9),
)
executions = st.builds(
    Execution,
    backend=st.sampled_from(["local", "slurm"]),
    n_workers=st.integers(1, 10**6),
    setup=st.lists(texts | tricky, max_size=3).map(tuple),
    scratch=st.none() | texts | tricky,
    timeout=st.floats(0, 1e9, exclude_min=True),
    sbatch=st.dictionaries(options, sbatch_values, max_size=4),
)
configs = st.fixed_dictionaries(
    {
        "mets": st.dictionaries(names, mets, min_size=1, max_size=3),
        "n_hours": st.integers(-999, 999).filter(bool),
    },
    optional={
        "footprints": st.dictionaries(names, grids, max_size=3),
        "execution": executions,
        "about": st.none() | st.builds(About, license=st.none() | texts, comment=st.none() | texts),
        "jacobian": st.none()
        | st.builds(
            JacobianSection,
            target=st.none() | st.floats(0.01, 9) | texts,
            bins=st.sampled_from(["run", "1D"]),
            weight=st.none() | texts,
        ),
        "keep": st.builds(Keep, particles=st.sampled_from(["all", "none"])),
        "output": folders,
        **{name: numbers(kind) for name, kind in number_fields().items()},
    },
).map(lambda chosen: Config(**_with_what_a_matrix_needs(chosen)))


def _with_what_a_matrix_needs(chosen: dict[str, object]) -> dict[str, object]:
    return chosen if chosen.get("footprints") else chosen | {"jacobian": None}


@settings(deadline=None, max_examples=200)
@given(configs)
def test_written_settings_read_again_are_the_same(config):
    written = dump_config(config)
    again = parse_config(written.decode(), "copy")
    assert again == config
    assert dump_config(again) == written
    assert config_digest(again) == config_digest(config)
    for met in config.mets:
        assert transport_digest(again, met, ENGINE) == transport_digest(config, met, ENGINE)


def test_order_comments_and_defaults_spelt_out_do_not_change_the_copy():
    lines = TYPICAL.splitlines()
    reordered = "\n".join([*lines[4:6], "frvs: 0.01  # as it is", *lines[0:4], *lines[6:]])
    first, second = parse_config(TYPICAL, "a"), parse_config(reordered, "b")
    assert dump_config(first) == dump_config(second)


def replaced(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: msgspec.structs.replace(config, **changes)


def met_replaced(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: msgspec.structs.replace(
        config, mets={"hrrr": msgspec.structs.replace(config.mets["hrrr"], **changes)}
    )


def grid_replaced(**changes: Any) -> Callable[[Config], Config]:
    return lambda config: msgspec.structs.replace(
        config,
        footprints={"default": msgspec.structs.replace(config.footprints["default"], **changes)},
    )


HRRR = Met("/data/hrrr", "%Y%m%d_%H", "6h")

CHANGES = {
    # change: (made, particles stale, footprint stale)
    "n_hours": (replaced(n_hours=-25), True, False),
    "numpar": (replaced(numpar=201), True, False),
    "seed": (replaced(seed=1), True, False),
    "krand": (replaced(krand=2), True, False),
    "hnf_plume": (replaced(hnf_plume=False), True, False),
    "a namelist key": (replaced(tlfrac=0.2), True, False),
    "a namelist key without effect": (replaced(tratio=0.9), False, False),
    "varsiwant": (replaced(varsiwant=("time", "indx", "long", "lati", "foot")), True, False),
    "met folder": (met_replaced(directory="/other"), False, False),
    "fewest met files": (met_replaced(n_met_min=3), False, False),
    "met files": (met_replaced(file_format="%Y"), True, False),
    "grid": (grid_replaced(xmax=-110.0), False, True),
    "smoothing": (grid_replaced(smooth_factor=0.5), False, True),
    "what lacks kernels": (grid_replaced(missing="unweighted"), False, False),
    "integration": (grid_replaced(time_integrate=True), False, True),
    "projection": (grid_replaced(projection="EPSG:5070"), False, True),
    "execution": (replaced(execution=Execution()), False, False),
    "output": (replaced(output="/scratch/out"), False, False),
    "about": (replaced(about=About(institution="here")), False, False),
    "what is kept": (replaced(keep=Keep(particles="none")), False, False),
    "a matrix": (replaced(jacobian=JacobianSection(0.5, "1D")), False, False),
    "another met": (replaced(mets={"hrrr": HRRR, "nam": Met("/n", "%Y", "6h")}), False, False),
    "a default spelt out": (replaced(tratio=0.75, capemin=-1.0), False, False),
}  # fmt: skip


@pytest.mark.parametrize(("change", "particles", "footprint"), CHANGES.values(), ids=list(CHANGES))
def test_digests_change_with_what_results_depend_on_and_with_nothing_else(
    change, particles, footprint
):
    before = parse_config(TYPICAL, "config.yaml")
    after = change(before)
    stale = transport_digest(before, "hrrr", ENGINE) != transport_digest(after, "hrrr", ENGINE)
    assert stale is particles
    regridded = footprint_digest(before, "default") != footprint_digest(after, "default")
    assert regridded is footprint
    spelt_out = change is CHANGES["a default spelt out"][0]
    assert (config_digest(before) == config_digest(after)) is spelt_out


def test_another_engine_or_version_makes_particles_stale():
    config = parse_config(MINIMAL, "config.yaml")
    digests = {
        transport_digest(config, "hrrr", engine) for engine in (ENGINE, "hysplit 5.2", "native 1")
    }
    assert len(digests) == 3


def test_digests_are_the_same_in_every_version_of_stilt():
    config = parse_config(TYPICAL, "config.yaml")
    assert transport_digest(config, "hrrr", ENGINE) == "f06774ed1d53ed94de99b19e32d66afd"
    assert footprint_digest(config, "default") == "a2636a41885a6a86ac12f3f6e4706779"


IDLE_HERE = {
    "hysplit": ("delt: 5", "khmax: 24", "seed: 1\nkrand: 4", "delt: 5\nseed: 1\nkrand: 4"),
    "native": ("delt: 5", "mgmin: 2", "maxpar: 5000"),
}


@pytest.mark.parametrize(
    ("model", "idle"), [(model, idle) for model, each in IDLE_HERE.items() for idle in each]
)
def test_settings_without_effect_make_no_result_stale_nor_do_older_digests_that_hold_them(
    model: str, idle: str
) -> None:
    bare = f"{MINIMAL}\nmodel: {model}\n"
    without = parse_config(bare + ("krand: 4\n" if "krand" in idle else ""), "config.yaml")
    given = parse_config(f"{bare}{idle}\n", "config.yaml")
    todays = transport_digest(given, "hrrr", ENGINE)
    assert todays == transport_digest(without, "hrrr", ENGINE)
    assert todays in accepted_digests(given, "hrrr", ENGINE)
    assert len(accepted_digests(given, "hrrr", ENGINE)) == 2  # and that of older versions
    assert accepted_digests(without, "hrrr", ENGINE) == {todays}


def test_the_digest_of_older_versions_holds_with_settings_without_effect() -> None:
    config = parse_config(f"{TYPICAL}\ndelt: 5\nkhmax: 24\n", "config.yaml")
    assert "c37e093a67e57acb1b965c0afe93b22b" in accepted_digests(config, "hrrr", ENGINE)


def test_factors_and_choices_that_no_result_depends_on_do_not_count() -> None:
    hours = abs(parse_config(MINIMAL, "config.yaml").n_hours)
    one, more = (
        parse_config(f"{TYPICAL}\nzicontroltf: 1\nziscale: {[0.8] * count}\n", "config.yaml")
        for count in (hours + 1, hours + 3)
    )
    assert transport_digest(one, "hrrr", ENGINE) == transport_digest(more, "hrrr", ENGINE)
    older = msgspec.structs.replace(
        one.footprints["default"], weight="kernel", kernels="/k.csv", missing="unweighted"
    )
    assert accepted_footprint_digests(older) == {
        grid_digest(older),
        grid_digest(older, idle_too=True),
    }
    assert grid_digest(older) == grid_digest(msgspec.structs.replace(older, missing="refused"))


def test_an_engine_of_somebody_else_may_read_every_setting() -> None:
    one, other = (
        parse_config(f"{MINIMAL}\nmodel: own.engine:Engine\n{more}\n", "config.yaml")
        for more in ("", "delt: 5")
    )
    assert transport_digest(one, "hrrr", "own 1") != transport_digest(other, "hrrr", "own 1")


@pytest.mark.parametrize(
    ("settings", "is_other"),
    [
        ("veght: 0.5", False),
        ("veght: 1", False),
        ("veght: 5", True),
        ("veght: 20", True),
        ("veght: 20\nhnf_plume: false", False),
        ("veght: 5\nhnf_plume: false", False),
        ("veght: 5\nhnf_plume: false\nmodel: native", True),
        ("veght: 9.5\nhnf_plume: false\nmodel: native", False),
        ("emisshrs: 1\nmodel: native", True),
        ("emisshrs: 1", False),
        ("emisshrs: 0.016\nmodel: native", False),
    ],
)
def test_where_numbers_became_others_no_older_digest_holds(settings: str, is_other: bool) -> None:
    config = parse_config(f"{MINIMAL}\n{settings}\n", "config.yaml")
    assert bool(rules(config)) is is_other
