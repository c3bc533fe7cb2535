"""A run made from Python, and what it says; in the guest."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

import tcpexp
from tcpexp.notebook.figure import png_of
from tcpexp.notebook.progress import BarRunWatcher
from tests.support.folders import ROOT
from tests.support.short import SHORT

pytestmark = pytest.mark.guest


def test_a_run_says_what_it_was_and_what_came_of_it(run):
    assert (run.name, run.seed, run.status) == ("short", 4, "complete")
    assert [verdict.result for verdict in run.verdicts] == ["PASS", "FAIL"]
    first = run.verdicts[0]
    assert "Mbit/s" in first.measured
    assert first.expected == "at least 1 Mbit/s"
    assert run.verdicts.counts() == {"PASS": 1, "FAIL": 1}
    assert (run.verdicts.passed, len(run.verdicts.failed)) == (False, 1)
    assert run.certificate["verdict"] == "VALID"
    assert 1e6 < run.metric("flows.up.goodput_bps") < 5e6
    assert run.metric("flows.up.goodput_bps") == run.metrics["flows"]["up"]["goodput_bps"]
    assert run.metric("queues.h1-h2>h2.max_packets") == 20
    assert re.fullmatch(r"The flow reaches \d\.\d+ Mbit/s\.", run.answer)
    assert run.question == "Does the window open?"
    assert run.spec == tcpexp.Spec(SHORT)
    assert "1 PASS, 1 FAIL" in repr(run)


def test_tables_are_polars_frames_with_meanings(run):
    packets = run.table("packets")
    assert isinstance(packets, pl.DataFrame)
    assert packets.height > 100
    assert {"packets", "rtt", "flow_states"} <= set(run.tables)
    meanings = run.columns("packets")
    assert meanings["column"].to_list() == packets.columns
    assert meanings.filter(pl.col("column") == "rtt_ns")["unit"].item() == "ns"


@pytest.mark.parametrize(
    ("ask", "kind", "words"),
    [
        (lambda run: run.table("packet"), tcpexp.SpecError, "did you mean 'packets'"),
        (lambda run: run.figure("cwdn"), tcpexp.SpecError, "did you mean 'cwnd'"),
        (lambda run: run.figure("cwnd", phase=True), tcpexp.SpecError, "did you mean 'phases'"),
        (lambda run: run.figure("calls"), tcpexp.DataError, "no data for the plot 'calls'"),
        (lambda run: run.metric("flows.down.goodput_bps"), tcpexp.DataError, "known: up"),
        (lambda run: tcpexp.load("nowhere", results=run.path), tcpexp.SpecError, "no run"),
    ],
)
def test_what_there_is_none_of_is_refused_with_a_hint(run, ask, kind, words):
    with pytest.raises(kind, match=words):
        ask(run)


def test_a_frame_of_pandas_says_what_it_needs(run, monkeypatch):
    monkeypatch.setattr("tcpexp.notebook.run.find_spec", lambda name: None)
    with pytest.raises(
        tcpexp.HostError, match=r"pandas and pyarrow.*pip install 'tcpexp\[pandas\]'"
    ):
        run.pandas("packets")
    assert find_spec("polars")


def test_a_figure_is_drawn_and_shows_itself_once(run):
    import matplotlib

    def settings() -> dict[str, object]:
        """Return matplotlib's settings without choosing a backend, as ``rcParams[...]`` would."""
        names = matplotlib.rcParams.keys()
        return {name: dict.__getitem__(matplotlib.rcParams, name) for name in names}

    before = settings()
    figure = run.figure("cwnd", flow="up", between=("0s", "500ms"), title="Mine")
    assert figure.get_suptitle() == "Mine"
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert png_of(figure) == figure._repr_png_()
    assert settings() == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
    for plot in run.figures:
        assert run.figure(plot).get_size_inches()[0] > 5


def test_the_page_of_the_run_stands_in_a_frame(run):
    html = run.show(height=500)._repr_html_()
    assert html.startswith('<iframe title="A flow of half a second" srcdoc="&lt;!DOCTYPE html&gt;')
    assert "height: 500px" in html
    assert "allow-same-origin" not in html
    assert str(run.report) in repr(run.show())


def test_the_summary_is_a_small_table(run):
    html = run._repr_html_()
    assert "A flow of half a second" in html
    assert "1 PASS, 1 FAIL" in html
    assert ">up</td>" in html
    assert len(html) < 4000
    assert "<table" in run.verdicts._repr_html_()
    assert "✗ FAIL" in repr(run.verdicts)


def test_a_run_is_found_again(run):
    assert tcpexp.load(run.path / "report.html").id == run.id
    assert tcpexp.load("short", results=run.path.parent.parent).path == run.path


def test_again_is_the_same_packets_and_a_setting_changes_them(run, tmp_path):
    same = run.again(out=tmp_path)
    difference = run.diff(same)
    assert (difference.same_packets, difference.same) == (True, True)
    assert difference.metrics().height == 0
    faster = same.again(set={"links.h1-h2.rate": "10mbit"})
    assert faster.path.parent == same.path.parent
    difference = same.diff(faster)
    assert not difference.same_packets
    changes = difference.metrics().filter(pl.col("metric") == "flows.up.goodput_bps")
    assert changes["b"].item() > changes["a"].item()
    assert "Not the same packets" in difference._repr_html_()
    assert "<iframe" in difference.show()._repr_html_()
    assert faster.spec["links"]["h1-h2"]["rate"] == "10mbit"
    # what was set is also in a run that is opened again
    assert tcpexp.load(faster.path).spec == faster.spec
    assert json.loads((faster.path / "manifest.json").read_text())["command"][-2:] == [
        "--set",
        "links.h1-h2.rate=10mbit",
    ]


def test_progress_is_told_and_nothing_is_printed_without(tmp_path, capfd):
    told: list[tuple[str, float | None]] = []
    tcpexp.run(SHORT, out=tmp_path, progress=lambda phase, seconds: told.append((phase, seconds)))
    assert {"run", "measuring"} <= {phase for phase, _ in told}
    assert capfd.readouterr() == ("", "")
    tcpexp.run(SHORT, out=tmp_path, progress=True)
    assert "short: run" in capfd.readouterr().err


def test_a_wrong_spec_writes_nothing(tmp_path):
    with pytest.raises(tcpexp.SpecErrors, match=r"set links\.h1-h2\.rate=fast"):
        tcpexp.run(SHORT, set={"links.h1-h2.rate": "fast"}, out=tmp_path / "results")
    with pytest.raises(tcpexp.SpecErrors):
        tcpexp.run(SHORT.replace("5mbit", "5mbti"), out=tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_watcher_can_end_a_run_which_keeps_what_it_has(tmp_path):
    class Impatient(BarRunWatcher):
        """Ends the run when it has begun."""

        begun = False

        def progress(self, phase: str, seconds: float | None) -> None:
            self.begun = phase == "run"

        def stop(self) -> bool:
            return self.begun

    long = tcpexp.Spec(SHORT, duration="600s").set("actions[0].until", "600s")
    run = tcpexp.run(long, out=tmp_path, progress=Impatient())
    assert run.status == "interrupted"
    assert run.report.is_file()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_runs_beside_an_event_loop_and_threads_leave_nothing_behind(tmp_path):
    """As in a notebook's kernel: a loop runs, and other threads wait."""
    over = threading.Event()
    waiting = [threading.Thread(target=over.wait) for _ in range(3)]
    for thread in waiting:
        thread.start()

    async def cells() -> list[str]:
        ids = []
        for _ in range(2):
            ids.append(tcpexp.run(SHORT, out=tmp_path).id)
            gc.collect()
            counts.append((open_files(), threading.active_count()))
        return ids

    counts: list[tuple[int, int]] = []
    try:
        assert len(set(asyncio.run(cells()))) == 2
    finally:
        over.set()
        for thread in waiting:
            thread.join()
    assert counts[0] == counts[1]


@pytest.mark.full
def test_twenty_runs_in_one_process_take_no_more_memory(tmp_path):
    sizes = []
    for _ in range(20):
        tcpexp.run(SHORT, out=tmp_path)
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(pages * os.sysconf("SC_PAGE_SIZE"))
    assert max(sizes[15:]) - max(sizes[3:6]) < 40e6
    assert len(list((tmp_path / "short").iterdir())) == 20


def test_an_interrupt_is_raised_after_the_run_was_kept(tmp_path):
    program = (
        "import os, signal, sys, tcpexp\n"
        "from tests.support.short import SHORT\n"
        "long = tcpexp.Spec(SHORT, duration='600s').set('actions[0].until', '600s')\n"
        "def tell(phase, seconds):\n"
        "    if phase == 'run' and seconds > 1 and not done:\n"
        "        done.append(1); os.kill(os.getpid(), signal.SIGINT)\n"
        "done = []\n"
        "try: tcpexp.run(long, out=sys.argv[1], progress=tell)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
        "print(tcpexp.load('short', results=sys.argv[1]).status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["interrupted", "interrupted"]
