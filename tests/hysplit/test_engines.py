"""``model:`` names an engine: ours, or anybody's by import path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from stilt.config.load import parse_config
from stilt.foundations.errors import EnvironmentFailure, InputError
from stilt.transport.engines import load_engine
from stilt.transport.hysplit.engine import HysplitEngine

if TYPE_CHECKING:
    from pathlib import Path

    from stilt.config.schema import Config

CONFIG = parse_config(
    'mets: {m: {directory: /met, file_format: "%Y", file_tres: 1d}}\nn_hours: -1\n', "c"
)

ENGINE = """
class Mine:
    name = "mine"
    version = "7"
    def prepare(self, config): pass
    def run(self, simulation, config, workdir): raise NotImplementedError

made = Mine()

def factory():
    return Mine()

broken = 1 / {divisor}
"""


def with_model(model: str) -> Config:
    return msgspec.structs.replace(CONFIG, model=model)


def test_hysplit_is_the_default() -> None:
    assert isinstance(load_engine(CONFIG), HysplitEngine)


def test_native_is_ours() -> None:
    assert load_engine(with_model("native")).name == "native"


@pytest.mark.parametrize("attribute", ["Mine", "made", "factory"])
def test_a_file_names_an_engine_a_class_or_a_function(tmp_path: Path, attribute: str) -> None:
    path = tmp_path / "my engine.py"
    path.write_text(ENGINE.format(divisor=1))
    engine = load_engine(with_model(f"{path}:{attribute}"))
    assert (engine.name, engine.version) == ("mine", "7")
    assert type(load_engine(with_model(f"{path}:{attribute}"))) is type(engine)


def test_a_module_names_an_engine_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine_of_mine.py").write_text(ENGINE.format(divisor=1))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_engine(with_model("engine_of_mine:Mine")).name == "mine"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("hysplit5", "there is no engine 'hysplit5'"),
        ("no.such.module:Engine", "can't be loaded: ModuleNotFoundError"),
        ("stilt.foundations.errors:NoSuchThing", "can't be loaded: AttributeError"),
        ("/no/such/file.py:Engine", "there is no file /no/such/file.py"),
    ],
)
def test_an_engine_that_is_not_there_is_explained(model: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_engine(with_model(model))
    assert "use hysplit, native" in caught.value.hint


def test_a_file_that_fails_is_blamed(tmp_path: Path) -> None:
    path = tmp_path / "failing.py"
    path.write_text(ENGINE.format(divisor=0))
    with pytest.raises(InputError, match=r"failing\.py.*ZeroDivisionError"):
        load_engine(with_model(f"{path}:Mine"))


def test_preparing_hysplit_without_a_program_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILT_HOME", str(tmp_path))
    monkeypatch.delenv("STILT_HYSPLIT", raising=False)
    with pytest.raises(EnvironmentFailure, match="stilt hysplit install"):
        load_engine(CONFIG).prepare(CONFIG)
