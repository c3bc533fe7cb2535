"""``tcpexp sweep`` as far as it can be seen without a guest: matrix, estimate, mistakes."""

from __future__ import annotations

import pytest

from tcpexp.batch.estimate import Forecast, estimate_rest, jobs_that_fit
from tcpexp.cli.main import main
from tcpexp.cli.sweep import matrix_row
from tcpexp.cli.sweepshow import bytes_words, print_matrix, time_words
from tcpexp.sweep.study import StudyOptions, load_study
from tests.support.cheap import NAME, write_spec


def test_the_matrix_and_what_it_will_cost(tmp_path, capsys):
    study = load_study(write_spec(tmp_path), StudyOptions(out=tmp_path, workplace=NAME))
    row = matrix_row(study, 2, retry=False)
    assert (row["cells"], row["repeat"], row["to_make"], row["at_once"]) == (6, 2, 12, 2)
    assert row["runs"][3] | {"key": ""} == {
        "run": 3,
        "rate": "1mbit",
        "rtt": "20ms",
        "seed": 2,
        "key": "",
        "state": "to make",
    }
    assert row["estimate"]["from_finished_runs"] == 0
    print_matrix(study, row)
    text = capsys.readouterr().out
    assert "6 combinations x 2 = 12 runs: 0 done, 0 failed, 12 to make" in text
    assert "by rule of thumb" in text


def test_finished_runs_correct_the_rule():
    forecast = Forecast(1000, 10.0, 2e6, 1e9)
    done = [(forecast, {"wall_s": 20.0, "kept_bytes": 1e6})] * 3
    estimate = estimate_rest([forecast] * 8, done, 2)
    assert (estimate.wall_s, estimate.kept_bytes, estimate.corrected_by) == (80.0, 8e6, 3)
    assert estimate_rest([], done, 2).wall_s == 0


def test_memory_limits_how_many_run_at_a_time():
    count, remark = jobs_that_fit(None, 1e15)
    assert count == 1
    assert remark is not None or count == 1
    assert jobs_that_fit(7, 1e15)[0] == 7
    assert "too many" in str(jobs_that_fit(7, 1e15)[1])


def test_words():
    assert [time_words(each) for each in (40, 600, 12_600)] == ["40 s", "10 min", "3.5 h"]
    assert [bytes_words(each) for each in (2e3, 3.2e6, 4e9)] == ["2 kB", "3.2 MB", "4.0 GB"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "handshake_teardown"], "this spec has no sweep:"),
        (
            ["sweep", "mathis", "--set", "sweep.parameters.p.values=[1]"],
            "a parameter has values, a range or is",
        ),
        (["sweep", "matis"], "did you mean 'mathis'?"),
    ],
)
def test_mistakes(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
