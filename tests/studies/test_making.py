"""Studies made from Python: by a process of their own, on the cheap place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

import tcpexp
from tcpexp.studies.making import parameter_names, with_sweep
from tests.support.cheap import NAME, study_of, write_spec
from tests.support.folders import ROOT


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "log.txt"
    path.write_text("")
    monkeypatch.setenv("CHEAP_LOG", str(path))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tcpexp.Study:
    folder = tmp_path_factory.mktemp("study")
    os.environ["CHEAP_LOG"] = str(folder / "log.txt")
    return tcpexp.sweep(write_spec(folder), on=NAME, out=folder / "out", jobs=2)


def test_a_study_is_read_as_tables_figures_and_verdicts(study):
    assert study.table.height == len(study.runs) == 12
    row = study.table.filter(pl.col("run") == 5).row(0, named=True)
    assert (row["rate"], row["rtt"], row["segments"]) == (2e6, 0.01, 7002)
    outgoing = pl.col("metric") == "counters.h1.Tcp.OutSegs"
    assert study.metrics.filter(outgoing & (pl.col("run") == 5))["value"].item() == 7002
    assert [verdict.result for verdict in study.verdicts] == ["PASS", "FAIL"]
    series = study.series("counters")
    assert series.filter(pl.col("run") == 5)["rate"].unique().to_list() == [2e6]
    assert series.schema["run"] == pl.Int64
    assert study.report.is_file()
    assert "12 complete" in study._repr_html_()
    assert "<iframe" in study.show()._repr_html_()


def test_figures_are_drawn_by_number_heading_and_measure(study):
    assert study.figures == ["segments over rate", "per_rtt over rate", "last over rate"]
    assert study.figure().get_suptitle() == "segments over rate"
    assert study.figure("last over rate").get_suptitle() == "last over rate"
    figure = study.figure("segments", x="rtt", by="rate")
    assert figure.get_suptitle() == "segments over rtt"
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("ask", "kind", "words"),
    [
        (lambda study: study.figure(7), tcpexp.SpecError, "has 3 figures"),
        (lambda study: study.figure("segment"), tcpexp.SpecError, "did you mean 'segments'"),
        (lambda study: study.figure("segments", x="rat"), tcpexp.SpecError, "did you mean 'rat"),
        (lambda study: study.series("rtts"), tcpexp.DataError, "kept a table 'rtts'"),
        (lambda study: study.run(0), tcpexp.DataError, "keep='runs'"),
        (lambda study: study.run(12), tcpexp.SpecError, "counted from 0"),
    ],
)
def test_what_a_study_has_not_is_refused_with_a_hint(study, ask, kind, words):
    with pytest.raises(kind, match=words):
        ask(study)


def test_the_second_time_nothing_is_made_and_whole_runs_can_be_kept(tmp_path, log):
    spec = write_spec(tmp_path, rates="[1mbit]", rtts="[10ms]", repeat=2)
    told: list[tuple[int, int, str]] = []
    study = tcpexp.sweep(
        spec,
        on=NAME,
        out=tmp_path / "out",
        keep="runs",
        progress=lambda done, total, label: told.append((done, total, label)),
    )
    assert [(done, total) for done, total, _ in told] == [(0, 2), (1, 2), (2, 2)]
    assert study.run(1).seed == 2
    assert study.run(1).table("counters").height > 0
    tcpexp.sweep(spec, on=NAME, out=tmp_path / "out", keep="runs")
    assert len(log.read_text().splitlines()) == 2


def test_a_spec_without_a_sweep_takes_parameters_and_measures(tmp_path):
    spec = tcpexp.Spec(
        "name: bare\ntopology: two_host\nlinks:\n  h1-h2: {rate: 10mbit, delay: 10ms}\n"
        "duration: 1s\nactions:\n  - {at: 100ms, do: mark, text: hello}\n"
    )
    study = tcpexp.sweep(
        spec,
        over={"links.h1-h2.rate": ["1mbit", "2mbit"]},
        measures={"segments": "counters.h1.Tcp.OutSegs"},
        repeat=2,
        on=NAME,
        out=tmp_path,
    )
    assert study.table.select("rate", "seed", "segments").rows() == [
        (1e6, 1, 11001.0),
        (1e6, 2, 11002.0),
        (2e6, 1, 12001.0),
        (2e6, 2, 12002.0),
    ]
    assert "sweep" not in spec
    with pytest.raises(tcpexp.SpecErrors, match="sweep"):
        tcpexp.sweep(spec, on=NAME, out=tmp_path)
    with pytest.raises(tcpexp.SpecErrors, match="fast"):
        with_sweep(spec, {"links.h1-h2.rate": ["fast"]}, {"s": "counters.h1.Tcp.OutSegs"}, 1)
        tcpexp.sweep(
            spec,
            over={"links.h1-h2.rate": ["fast"]},
            measures={"s": "counters.h1.Tcp.OutSegs"},
            on=NAME,
            out=tmp_path,
        )


def test_a_study_that_is_only_planned_says_so(tmp_path):
    study = study_of(write_spec(tmp_path), tmp_path / "out")
    assert "12 runs, none made yet" in study._repr_html_()
    with pytest.raises(tcpexp.DataError, match="has no results yet"):
        study.table  # noqa: B018


def test_names_of_parameters():
    paths = {"links.h1-h2.rate": [], "links.h2-h3.rate": [], "actions[up].at": []}
    assert parameter_names(paths) == ["links_h1_h2_rate", "links_h2_h3_rate", "at"]


def test_a_folder_in_use_is_the_same_error_as_for_the_command(study):
    folder = study.folder()
    with (
        folder.locked(),
        pytest.raises(tcpexp.HostError, match="another tcpexp sweep works") as caught,
    ):
        tcpexp.sweep(folder.path / "spec.yaml", on=NAME, out=folder.path.parent)
    assert caught.value.hint


SCRIPT = """\
import sys, tcpexp
print("begins")
study = tcpexp.sweep(sys.argv[1], on="tests.support.cheap:CheapWorkplace", out=sys.argv[2], jobs=2)
print(study.table.height)
"""


def start(tmp_path: Path, spec: Path) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), str(spec), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_script_that_is_interrupted_keeps_what_is_finished_and_goes_on_next_time(
    tmp_path, log, monkeypatch
):
    monkeypatch.setenv("CHEAP_SECONDS", "0.5")
    spec = write_spec(tmp_path)
    process = start(tmp_path, spec)
    watch = threading.Timer(100, process.kill)
    watch.start()
    while not log.read_text() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    watch.cancel()
    assert "KeyboardInterrupt" in err
    made = len(log.read_text().splitlines())
    assert 0 < made < 12
    monkeypatch.setenv("CHEAP_SECONDS", "0")
    # without a main guard, processes that are spawned would run the script again
    assert start(tmp_path, spec).communicate(timeout=120) == ("begins\n12\n", "")
    assert len(log.read_text().splitlines()) == 12
