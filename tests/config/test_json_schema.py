"""The JSON Schema of config.yaml says what the loader says."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from stilt.config.json_schema import config_schema
from stilt.config.load import parse_config
from stilt.config.schema import Config
from stilt.foundations.errors import ProblemsError
from tests.config.settings import MINIMAL, TYPICAL, with_execution, with_grid, with_line


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


RIGHT = {
    "typical": TYPICAL,
    "minimal": MINIMAL,
    "a folder alone": "mets: {hrrr: /data/hrrr}\nn_hours: -24\n",
    "met by headers": "mets: {hrrr: {directory: /data/hrrr, nested: true}}\nn_hours: -24\n",
    "empty keys": MINIMAL + "footprints:\nexecution:\nkrand:\nnumpar:\n",
    "square cells": with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 0.1"),
    "setup block": with_execution("setup: |\n    a\n    b\n"),
    "setup list": with_execution("setup: [a, b]"),
    "sbatch options": with_execution("exclusive: true\n  nice: 5\n  mem_per_cpu: 1G"),
    "one factor": with_line("zicontroltf: 1\nziscale: 0.8"),
    "factors": with_line("zicontroltf: 1\nziscale: [0.8, 0.9]"),
    "name": MINIMAL.replace("hrrr:", "Zürich-2.5km:"),
    "variants": MINIMAL
    + "variants: {a: {numpar: 3, krand: null}, b: {zicontroltf: 1, ziscale: 1}}\n",
    "variants of products": TYPICAL
    + "variants: {a: {footprints: {default: {smooth_factor: 0, lifetime_h: null}}}}\n",
}

WRONG = {
    "unknown key": with_line("numpars: 3"),
    "unknown key of a met": MINIMAL.replace("file_tres", "file_tre"),
    "n_hours missing": MINIMAL.replace("n_hours: -24\n", ""),
    "numpar 0": with_line("").replace("numpar: 200", "numpar: 0"),
    "backend": with_execution("").replace("backend: slurm", "backend: slrum"),
    "array": with_execution("array: 0-9"),
    "job_name": with_execution("job_name: x"),
    "short option": with_execution("p: debug"),
    "krand": with_line("krand: 99"),
    "name": with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 0.1").replace("g:", "a/b:"),
    "what cannot vary": MINIMAL + "variants: {a: {realizations: 3}}\n",
    "unknown key of a variant": MINIMAL + "variants: {a: {numpars: 3}}\n",
    "grid of a variant": TYPICAL + "variants: {a: {footprints: {default: {xres: 1}}}}\n",
    "text for a number": with_line("veght: half"),
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=list(RIGHT))
def test_it_accepts_what_the_loader_accepts(validator, text):
    parse_config(text, "config.yaml")
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize("text", WRONG.values(), ids=list(WRONG))
def test_it_refuses_what_the_loader_refuses(validator, text):
    with pytest.raises(ProblemsError):
        parse_config(text, "config.yaml")
    assert not validator.is_valid(yaml.safe_load(text))


def test_every_key_is_described(validator):
    described = validator.schema["properties"]
    assert set(described) == set(Config.__struct_fields__)
    bare = [
        key
        for key, value in described.items()
        if "description" not in value and "anyOf" not in value
    ]
    assert bare == []


def test_the_command_prints_it(stilt):
    done = stilt("config", "schema")
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads(msgspec.json.encode(config_schema()))
