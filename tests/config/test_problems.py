"""config.yaml: what is said when it is wrong. Each message names the place and what to write."""
# ruff: noqa: E501 - tables of cases, one line each

from __future__ import annotations

import pickle

import pytest

from stilt.config.load import load_config, parse_config
from stilt.foundations.errors import ProblemsError
from tests.config.settings import MINIMAL, TYPICAL, with_execution, with_grid, with_line


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ProblemsError) as caught:
        parse_config(text, "config.yaml")
    return caught.value.problems


GRID = "xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 0.1"

WRONG = {
    "unknown key": (with_line("numpars: 3"), "line 16: $.numpars: unknown key, did you mean numpar?"),
    "unknown key of a met": (MINIMAL.replace("file_tres", "file_tre"), "$.mets.hrrr.file_tre: unknown key, did you mean file_tres?"),
    "unknown key of a grid": (with_grid(GRID + ", smoth_factor: 1"), "$.footprints.g.smoth_factor: unknown key, did you mean smooth_factor?"),
    "unknown key of execution": (with_execution("n_worker: 3"), "$.execution.n_worker: unknown key, did you mean n_workers?"),
    "unknown key of hysplit": (with_line("hysplit: {exe: x}"), "$.hysplit.exe: unknown key, did you mean exe_dir?"),
    "R-STILT's key": (with_line("xmn: -113"), "$.xmn: unknown key: the grid belongs under footprints, as xmin"),
    "at the wrong level": (with_line("partition: x"), "$.partition: unknown key: belongs under execution"),
    "kmsl": (with_line("kmsl: 1"), "heights above sea level are named in receptors.csv: call the column zasl"),
    "no n_hours": (MINIMAL.replace("n_hours: -24\n", ""), "$.n_hours: missing, but needed"),
    "no mets": ("n_hours: -24\n", "$.mets: missing, but needed"),
    "empty mets": ("n_hours: -24\nmets: {}\n", "line 2: $.mets: expected names, got a mapping"),
    "mets a list": ("n_hours: -24\nmets: [a]\n", "line 2: $.mets: expected names, got a list"),
    "met a number": ("n_hours: -24\nmets: {a: 7}\n", "line 2: $.mets.a: expected a mapping, got 7"),
    "footprints a list": (MINIMAL + "footprints: [1]\n", "line 4: $.footprints: expected names, got a list"),
    "hysplit a text": (with_line("hysplit: /exe"), '$.hysplit: expected a mapping, got "/exe"'),
    "execution a text": (MINIMAL + "execution: slurm\n", 'line 4: $.execution: expected a mapping, got "slurm"'),
    "met without folder": (MINIMAL.replace("directory: /data/hrrr, ", ""), "line 2: $.mets.hrrr.directory: missing, but needed"),
    "met name": (MINIMAL.replace("hrrr:", "../hrrr:"), "$.mets.../hrrr: a name becomes part of file names"),
    "long met name": (MINIMAL.replace("hrrr:", f"{'中' * 22}:"), "at most 64 bytes"),
    "footprint name": (with_grid(GRID).replace("g:", '"a b":'), "$.footprints.a b: a name becomes part of file names"),
    "cloud directory": (MINIMAL.replace("/data/hrrr", "s3://noaa/hrrr"), "is at a distance, and only a project has a folder to fetch it into"),
    "cloud output": (with_line("output: gs://b/out"), "line 16: $.output: output 'gs://b/out' is not on a local or shared"),
    "format is no expression": (MINIMAL.replace("%Y%m%d_%H", "%Y("), "$.mets.hrrr.file_format: not a regular expression"),
    "step without unit": (MINIMAL.replace("6h", "6"), "$.mets.hrrr.file_tres: 6 is not a time step like 6h, 1d or 30min"),
    "step of a month": (MINIMAL.replace("6h", "1 month"), '"1 month" is not a time step like 6h, 1d or 30min (for monthly files 1d will do'),
    "step of nothing": (MINIMAL.replace("6h", "0h"), '"0h" is not a time step'),
    "n_met_min": (MINIMAL.replace("6h", "6h, n_met_min: 0"), "$.mets.hrrr.n_met_min: expected a whole number >= 1, got 0"),
    "n_hours 0": (MINIMAL.replace("-24", "0"), "line 3: $.n_hours: 0 hours is no run"),
    "n_hours text": (MINIMAL.replace("-24", "day"), 'line 3: $.n_hours: expected a whole number, got "day"'),
    "n_hours broken": (MINIMAL.replace("-24", "-1.5"), "line 3: $.n_hours: expected a whole number, got -1.5"),
    "numpar 0": (TYPICAL.replace("200\n", "0\n", 1), "line 6: $.numpar: expected a whole number >= 1, got 0"),
    "true for a number": (with_line("krnd: yes"), "$.krnd: expected a whole number, got true"),
    "not finite": (with_line("z_top: .inf"), "$.z_top: expected a finite number, got inf"),
    "NaN": (with_line("tlfrac: .nan"), "$.tlfrac: expected a finite number, got nan"),
    "number for text": (with_line("model: 3"), "$.model: expected text, got 3: put it in quotes"),
    "negative": (with_line("veght: -0.5"), "$.veght: expected a number > 0, got -0.5"),
    "krand": (with_line("krand: 99"), "$.krand: expected a whole number <= 14, got 99"),
    "namelist text": (with_line('poutf: "a,b"'), "$.poutf: HYSPLIT takes a plain file name"),
    "maxpar": (with_line("maxpar: 100"), "$.maxpar: 100 is less than numpar (200)"),
    "wind error": (with_line("siguverr: 2\ntluverr: 60"), "$.siguverr: a wind error needs all of siguverr, tluverr, zcoruverr, horcoruverr: zcoruverr, horcoruverr missing"),
    "mixed-layer error": (with_line("tlzierr: 60"), "$.tlzierr: a mixed-layer error needs all of sigzierr, tlzierr, horcorzierr: sigzierr, horcorzierr missing"),
    "ziscale alone": (with_line("ziscale: [1, 2]"), "$.ziscale: has no effect without zicontroltf: 1"),
    "zicontroltf alone": (with_line("zicontroltf: 1"), "$.zicontroltf: 1 needs ziscale"),
    "varsiwant unknown": (with_line("varsiwant: [time, indx, long, lati, foot, mlht, dens, samt, sigw, tlgr, foo]"), "$.varsiwant: hycs_std has no variable foo"),
    "varsiwant twice": (with_line("varsiwant: [time, indx, long, lati, foot, mlht, dens, samt, sigw, tlgr, dens]"), "$.varsiwant: dens given twice"),
    "varsiwant without foot": (with_line("hnf_plume: false\nvarsiwant: [time, indx, long, lati]"), "$.varsiwant: footprints needs foot too"),
    "varsiwant without sigw": (with_line("varsiwant: [time, indx, long, lati, foot, mlht, dens, samt, tlgr]"), "$.varsiwant: hnf_plume needs sigw too"),
    "varsiwant empty": (with_line("varsiwant: []"), "$.varsiwant: expected a list that is not empty"),
    "varsiwant of words": (with_line("varsiwant: time indx"), '$.varsiwant: expected a list, got "time indx": a list is written [one, two]'),
    "varsiwant of numbers": (with_line("varsiwant: [time, 3]"), "$.varsiwant: expected text in element 2, got 3"),
    "south of north": (with_grid("xmin: 0, xmax: 1, ymin: 1, ymax: 0, xres: 0.1"), "$.footprints.g.ymin: ymin (1) must be south of ymax (0)"),
    "no latitude": (with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 91, xres: 0.1"), "$.footprints.g.ymax: 91 is not a latitude"),
    "no longitude": (with_grid("xmin: -181, xmax: 1, ymin: 0, ymax: 1, xres: 0.1"), "$.footprints.g.xmin: -181 is not a longitude"),
    "metres for the box": (with_grid('xmin: 0, xmax: 400000, ymin: 0, ymax: 1, xres: 1000, projection: "EPSG:5070"'), "$.footprints.g.xmax: 400000 is not a longitude: -180 to 360 (the box is in degrees, whatever the projection)"),
    "no width": (with_grid("xmin: 1, xmax: 1, ymin: 0, ymax: 1, xres: 0.1"), "xmin and xmax are the same; write -180 and 180 for the whole globe"),
    "twice round": (with_grid("xmin: -180, xmax: 200, ymin: 0, ymax: 1, xres: 0.1"), "the box is more than 360 degrees wide"),
    "cell too wide": (with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 2, yres: 1"), "$.footprints.g.xres: one cell (2) is wider than the box (1)"),
    "cell too high": (with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 1, yres: 2"), "$.footprints.g.yres: one cell (2) is higher than the box (1)"),
    "too many cells": (with_grid("xmin: -180, xmax: 180, ymin: -90, ymax: 90, xres: 1e-4"), "6,480,000,000,000 cells in a layer"),
    "no cell": (with_grid("xmin: 0, xmax: 1, ymin: 0, ymax: 1, xres: 0"), "$.footprints.g.xres: expected a number > 0, got 0"),
    "no PROJ text": (with_grid(GRID + ', projection: "+proj=nonsense"'), "$.footprints.g.projection: '+proj=nonsense' is not understood by PROJ"),
    "degrees on a plane": (with_grid(GRID.replace("0.1", "1e-3") + ', projection: "EPSG:5070"'), "not in units of the projection?"),
    "geographic": (with_grid(GRID + ', projection: "EPSG:4269"'), "write +proj=longlat for a grid in degrees"),
    "reversed on a plane": (with_grid('xmin: 2, xmax: 1, ymin: 0, ymax: 1, xres: 1000, projection: "EPSG:5070"'), "xmin (2) must be west of xmax (1) on a projected grid"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_setting_is_refused_with_its_place_and_what_to_write(text, expected):
    found = problems(text)
    assert len(found) == 1, found
    assert expected in found[0]


EXECUTION = {
    "backend": ("backend: slrum", 'expected local or slurm, got "slrum": did you mean slurm?'),
    "n_workers": ("n_workers: 0", "expected a whole number >= 1, got 0"),
    "timeout": ("timeout: -1", "expected a number > 0, got -1"),
    "array": ("array: 0-9", "not allowed: stilt makes the array itself"),
    "parsable": ("parsable: true", "not allowed: stilt reads sbatch's answer itself"),
    "wrap": ('wrap: "rm -rf /"', "not allowed: the script runs stilt's worker"),
    "signal": ("signal: USR2", "not allowed: stilt asks for USR1"),
    "job-name": ("job_name: x", "not allowed: the job's name is how stilt finds a job again"),
    "output": ("output: x.log", "not allowed: stilt keeps what tasks print under slurm/logs"),
    "a beginning of array": ("arra: 0-9", "not allowed: sbatch may take it for --array; stilt makes"),
    "short option": ("p: debug", "write it out: partition"),
    "dashes": ("--mem: 2G", "write mem"),
    "no option": ('"mem 2G": 1', "not the name of an sbatch option"),
    "an option with a value in it": ('"mem=2G": 1', "not the name of an sbatch option"),
    "a line in a key": ('"mem\\n#SBATCH --x": 1', "not the name of an sbatch option"),
    "no value": ("qos:", "needs a value (true for a bare flag)"),
    "blank value": ('qos: " "', "needs a value (true for a bare flag)"),
    "a list": ("qos: [a, b]", "expected text, a number or true, got a list"),
    "newline": ('qos: "a\\n#SBATCH --uid=0"', "contains a line break or a control character"),
    "carriage return": ('qos: "a\\rb"', "contains a line break or a control character"),
    "escape": ('qos: "a\\eb"', "contains a line break or a control character"),
    "NEL": ('qos: "a\\Nb"', "contains a line break or a control character"),
    "line separator": ('qos: "a\\Lb"', "contains a line break or a control character"),
    "scratch": ('scratch: "/tmp/a\\nb"', "contains a line break or a control character"),
    "setup": ('setup: ["a\\nb"]', "a line contains a line break or a control character"),
    "setup number": ("setup: 3", "expected shell lines, got 3"),
    "leading zero": ("reservation: 0123", 'YAML reads 0123 as an octal number: write "0123"'),
    "underscore": ("reservation: 1_000", 'YAML reads 1_000 as the number 1000: write "1_000"'),
    "hexadecimal": ("reservation: 0x10", 'YAML reads 0x10 as the number 16: write "0x10"'),
    "on": ("reservation: on", 'YAML reads on as true: write "on" if that is meant'),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), EXECUTION.values(), ids=list(EXECUTION))
def test_a_wrong_key_of_execution_is_refused_with_the_reason(line, expected):
    key = line.split(":")[0]
    text = "\n".join(row for row in TYPICAL.splitlines() if not row.startswith(f"  {key}:"))
    found = problems(f"{text}\n  {line}\n")
    assert len(found) == 1, found
    assert expected in found[0]
    assert found[0].startswith("line ")
    assert "$.execution" in found[0]


def test_a_time_that_yaml_reads_as_a_number_is_refused():
    (found,) = problems(TYPICAL.replace('"00:20:00"', "20:00"))
    expected = (
        'line 14: $.execution.time: YAML reads 20:00 as the number 1200: write "20:00" for a text'
    )
    assert found.startswith(expected)


@pytest.mark.parametrize("time", ["00:20:00", "2-00:00:00", "45", '"20:00"', "2026-11-22"])
def test_a_time_that_yaml_leaves_alone_is_accepted(time):
    parse_config(TYPICAL.replace('"00:20:00"', time), "config.yaml")


def test_the_same_key_with_dashes_and_underscores_is_refused():
    assert "given twice" in problems(with_execution("cpus_per_task: 3"))[0]
    found = problems(with_execution("mem-per-cpu: 1") + "  mem_per_cpu: 2\n")
    assert "given twice, with underscores and with dashes" in found[0]


def test_all_problems_are_reported_together_in_the_order_of_the_file():
    text = (
        TYPICAL.replace("numpar: 200", "numpar: many")
        .replace("-24", "0")
        .replace("ymin: 40", "ymin: -91")
        .replace("time:", "tim:")
        .replace("backend: slurm", "backend: pbs")
    )
    places = [problem.split(": ")[:2] for problem in problems(text + "nstr: x\n")]
    assert places == [
        ["line 4", "$.footprints.default.ymin"],
        ["line 5", "$.n_hours"],
        ["line 6", "$.numpar"],
        ["line 8", "$.execution.backend"],
        ["line 16", "$.nstr"],
    ]


NO_YAML = {
    "empty": ("", "the file is empty"),
    "comments": ("# nothing\n", "the file is empty"),
    "null": ("null\n", "the file is empty"),
    "a list": ("- a\n- b\n", "line 1: expected `key: value` lines, found a list"),
    "a text": ("hello\n", "line 1: expected `key: value` lines, found a single value"),
    "tab": ("mets:\n\ta: b\n", "line 2, column 1: not valid YAML: a tab cannot indent: use spaces"),
    "colon": ("a: b: c\n", "line 1, column 5: not valid YAML: a colon is not expected here"),
    "bracket": ("a: [1,\nb: 2\n", "line 3, column 1: not valid YAML: did not find expected"),
    "quote": ("a: 'b\n", "not valid YAML: a quote is not closed"),
    "alias": ("a: *b\n", "line 1, column 4: not valid YAML: this *name has no &name before it"),
    "two documents": (
        MINIMAL + "---\na: b\n",
        "line 4, column 1: not valid YAML: only one YAML document",
    ),
    "control": ("a: b\nc: \x07\n", "line 2: control character '\\x07'"),
    "NUL": ("a: b\x00\n", "line 1: control character '\\x00'"),
}


@pytest.mark.parametrize(("text", "expected"), NO_YAML.values(), ids=list(NO_YAML))
def test_what_is_no_yaml_mapping_is_one_line_with_the_place(text, expected):
    found = problems(text)
    assert len(found) == 1
    assert expected in found[0]
    assert "\n" not in found[0]


YAML_TRAPS = {
    "key twice": (MINIMAL + "n_hours: -12\n", "line 4: $.n_hours: a second time; the first is in line 3"),
    "met twice": (MINIMAL.replace("n_hours", "  hrrr: {}\nn_hours"), "line 3: $.mets.hrrr: a second time; the first is in line 2"),
    "a list as key": (MINIMAL + "? [a]\n: b\n", "line 4: $: a key must be a plain word"),
    "tag": (MINIMAL + "numpar: !!python/object:os.system x\n", "line 4: $.numpar: the tag tag:yaml.org,2002:python/object:os.system is not understood"),
    "contains itself": (MINIMAL + "footprints: &f {a: *f}\n", "line 4: $.footprints.a: contains itself"),
    "merge of text": (MINIMAL + "footprints: {a: {<<: b}}\n", "<< must name mappings"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), YAML_TRAPS.values(), ids=list(YAML_TRAPS))
def test_what_yaml_would_swallow_is_refused(text, expected):
    assert any(expected in problem for problem in problems(text))


def test_a_file_of_aliases_of_aliases_is_refused_before_it_fills_the_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert any("is far too large" in problem for problem in problems("\n".join(lines)))


def test_what_a_file_says_cannot_break_a_line_of_the_message():
    found = problems(MINIMAL + '"a\\nb": 1\nnumpar: "\\e[31mred\\n"\n')
    assert found == (
        "line 4: $.a\\nb: unknown key",
        'line 5: $.numpar: expected a whole number, got "\\x1b[31mred\\n"',
    )


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(MINIMAL.encode() + "# Zürich\n".encode("latin-1"))
    with pytest.raises(ProblemsError) as caught:
        load_config(path)
    assert caught.value.problems == ("line 4: byte 0xfc is not UTF-8",)
    assert "UTF-8" in caught.value.hint


def test_the_error_survives_pickling():
    with pytest.raises(ProblemsError) as caught:
        parse_config("a: b", "config.yaml")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (again.source, again.problems, again.hint) == (
        "config.yaml",
        caught.value.problems,
        caught.value.hint,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("numpar: 010", 'write "010" for a text, 10 for a number'),
        ("numpar: 1:30", "a number has no colon"),
    ],
)
def test_what_is_advised_is_no_text_where_a_number_is_wanted(line, expected):
    text = "\n".join(row for row in TYPICAL.splitlines() if not row.startswith("numpar"))
    assert expected in problems(f"{text}\n{line}\n")[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0.2m", "0.2m has a unit: write 0.2, it is metres"),
        ("2 cm", "2 cm has a unit: write it in metres, as a number alone"),
        ("Hysplit", "did you mean hysplit? A file of that name is ./Hysplit"),
        ("Own", "did you mean own? A file of that name is ./Own"),
    ],
)
def test_what_is_nearly_a_roughness_is_no_file(written, expected):
    (found,) = problems(with_line(f"roughness: {written}"))
    assert expected in found


@pytest.mark.parametrize("written", ["1e-3", '"0.001"', "0.001"])
def test_a_roughness_that_is_written_as_text_is_a_number(written):
    assert parse_config(with_line(f"roughness: {written}"), "c").roughness == 0.001


def test_a_roughness_may_be_a_file_of_any_name():
    for name in ("./Hysplit", "tables/z0.asc", "hysplit"):
        assert parse_config(with_line(f"roughness: {name}"), "c").roughness == name
