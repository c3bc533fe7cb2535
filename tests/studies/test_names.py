"""Measures that name what no run has are found before the first run is made."""

from __future__ import annotations

import pytest

from tcpexp.cli.main import main
from tcpexp.errors import SpecErrors
from tcpexp.studies.study import StudyOptions, check_sweep, load_study
from tests.support.cheap import NAME, write_spec

MEASURE = "segments: counters.h1.Tcp.OutSegs"


def written(tmp_path, measure):
    spec = write_spec(tmp_path)
    text = spec.read_text()
    assert MEASURE in text
    spec.write_text(text.replace(MEASURE, f"segments: {measure}"))
    return spec


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("counters.h3.Tcp.OutSegs", "no run of this study has a host or router 'h3'"),
        ("flows.bulk.goodput_bps", "no run of this study has a flow 'bulk'"),
        ("counter.h1.Tcp.OutSegs", "metrics.json has no part 'counter'"),
        ("queues.h1-h2>h3.drops", "no run of this study has a direction 'h1-h2>h3'"),
        (
            "{from: {table: counters, column: value, rows: {node: h9}, take: last}}",
            "no run of this study has a host or router 'h9'",
        ),
    ],
)
def test_unknown_names_are_refused_with_their_place(tmp_path, measure, words):
    spec = written(tmp_path, measure)
    line = next(
        number
        for number, text in enumerate(spec.read_text().splitlines(), 1)
        if "segments: " in text
    )
    for attempt in (
        lambda: load_study(spec, StudyOptions(out=tmp_path, workplace=NAME)),
        lambda: check_sweep(spec),
    ):
        with pytest.raises(SpecErrors) as caught:
            attempt()
        assert words in str(caught.value)
        assert f":{line}:" in str(caught.value)


@pytest.mark.parametrize("measure", ["queues.h1-h2>h2.drops", "jain_index", "connections.seen"])
def test_known_names_are_let_pass(tmp_path, measure):
    assert check_sweep(written(tmp_path, measure)) == {"full": 12, "quick": 2}


def test_validate_compiles_every_run_of_a_sweep(tmp_path, capsys):
    spec = write_spec(tmp_path)
    assert main(["validate", str(spec)]) == 0
    assert "sweep, full form: 12 runs; sweep, quick form: 2 runs" in capsys.readouterr().out
    # only the quick form has it
    spec.write_text(spec.read_text().replace("rate: 1mbit}", "rate: 1mbits}"))
    assert main(["validate", str(spec)]) == 2
    assert "with rate=1mbits" in capsys.readouterr().err
