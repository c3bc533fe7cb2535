"""The cost benchmark's parsing and adding up, on made-up runs; nothing is timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cost
import pytest
from costing import cases, jobs, memory, output, places, table, watch
from costing.watch import Mark

from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import compile_spec

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

MARKS = [
    Mark("begin", 0.0),
    Mark("starting", 0.5),
    Mark("network", 1.0, True),
    Mark("run", 2.0, True),
    Mark("stop", 3.0, True),
    Mark("done", 3.5, True),
    Mark("reading captures", 4.0),
    Mark("writing the report", 5.0),
]
UML, QEMU = places.side_named("uml"), places.side_named("qemu")


def value(line: str, number: float | None, place: str = "uml", **more: object) -> table.Value:
    return {"line": line, "value": number, "place": place, "round": 1, "load": [0.5, 0.7], **more}


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("shake: One short connection (10 s, seed 1, on the guest)", "starting"),
        ("shake: One (short) connection (10 s, seed 1, on the uml)", "starting"),
        ("  network 0.0 / 10 s (wall 1.0 s)", "network"),
        ("  stop 10.0 / 10 s (wall 3.8 s)", "stop"),
        ("  reading captures (wall 4.6 s)", "reading captures"),
        ("  run -0.1 / 0.042 s (wall 3.0 s)", "run"),
        ("guest template: booting once (about 20 s); later runs start from its snapshot", None),
        ("removed what a killed run left: device files of an ended guest: /x/run 1.0 / 2 s", None),
        ("", None),
    ],
)
def test_lines_of_progress(line: str, phase: str | None) -> None:
    assert watch.parse_line(line) == phase


def test_phases_add_up_to_the_whole() -> None:
    watched = watch.Watched(6.0, 0, MARKS, [])
    assert list(watched.phases) == [
        "start of Python, compiling the plan",
        "start of the guest",
        "network",
        "run",
        "stop",
        "end of the guest",
        "reading captures",
        "writing the report, end",
    ]
    assert watched.phases["run"] == pytest.approx(1.0)
    assert sum(watched.phases.values()) == pytest.approx(6.0)
    assert watched.guest_s() == pytest.approx(3.5)
    assert watched.reached_s("stop") == pytest.approx(3.0)
    assert watch.Watched(6.0, 0, MARKS[:2], []).guest_s() is None


def test_the_guests_own_word_counts_before_the_commands_lines() -> None:
    lines = [Mark("begin", 0.0), Mark("run", 2.3), Mark("drawing", 5.0)]
    guest = [Mark("run", 2.0, True), Mark("stop", 3.0, True)]
    assert [mark.at_s for mark in watch.merge_marks(lines, guest)] == [0.0, 2.0, 3.0, 5.0]


def test_a_failed_command_is_an_error() -> None:
    with pytest.raises(watch.RunFailed, match="ended with 4:\nno such thing"):
        watch.watch_command(["sh", "-c", "echo no such thing >&2; exit 4"], UML)


def test_memory_is_that_of_all_processes() -> None:
    rollup = "55d0-7ffe ---p 0 00:00 0 [rollup]\nRss:  500 kB\nPss:  400 kB\nPss_Anon:  100 kB\n"
    assert memory.parse_pss(rollup) == 400 * 1024
    assert memory.parse_pss("") == 0
    names = ("linux", "uml-userspace", "qemu-system-x86", "python3", "tcpexp", "tshark")
    kinds = ["guest", "guest", "guest", "tcpexp", "tcpexp", "tshark"]
    assert [memory.kind_of(name) for name in names] == kinds
    seen = memory.MemoryWatch(os.getpid())
    seen.sample()
    assert sum(seen.largest.values()) > 0


def test_every_case_compiles(tmp_path: Path) -> None:
    every = [cases.handshake(10_000), cases.bulk(10, 4), cases.bulk(10, 4, flows=16)]
    every += [cases.bulk(10, 4, nodes=8), cases.bulk(1000, 2, delay_ms=5)]
    for number, case in enumerate(every):
        assert compile_spec(case.write(tmp_path / str(number)), RunOptions(), 0).flows
    assert jobs.seconds_of(every[2]) == 4
    assert len(compile_spec(tmp_path / "3" / "spec.yaml", RunOptions(), 0).network.nodes) == 8


def test_a_queue_of_one_bandwidth_delay_product() -> None:
    assert jobs.queue_packets(10, 20) == 33


def test_places_by_name() -> None:
    assert places.side_named("uml:6.1").arguments == ("--on", "uml", "--kernel", "6.1")
    assert (UML.ours, QEMU.slow, places.side_named("tclink").ours) == (True, True, False)
    with pytest.raises(ValueError, match="no place 'host'"):
        places.side_named("host")


def test_what_a_guest_says_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = tmp_path / "tcpexp" / "runs" / "77-host-x" / "run"
    run.mkdir(parents=True)
    assert places.uml_state(77) == {}
    (run / "state").write_bytes(b'{"phase": "run", "t": 1.5}'.ljust(4096, b"\0"))
    assert places.uml_state(77) == {"phase": "run", "t": 1.5}
    assert places.uml_state(78) == {}
    assert places.QemuState()(77) == {}


def test_a_kernel_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sides, left_out = places.chosen_sides(("uml:6.1",), required=False)
    assert sides == []
    assert left_out == [
        "uml:6.1 is left out: its kernel is not built: tcpexp kernel build debian-6.1"
    ]
    with pytest.raises(ValueError, match="not built"):
        places.chosen_sides(("uml:6.1",), required=True)


def test_rounds_go_through_all_jobs_and_places() -> None:
    two = [job for job in jobs.JOBS if job.name in ("memory", "sweep")]
    sizes = jobs.Sizes(rounds=2)
    order = [
        (turn, job.name, side.name) for turn, job, side in jobs.in_rounds(two, [UML, QEMU], sizes)
    ]
    assert order == [
        (1, "memory", "uml"),
        (1, "memory", "qemu"),
        (1, "sweep", "uml"),
        (1, "sweep", "qemu"),
        (2, "memory", "uml"),
        (2, "memory", "qemu"),
    ]


def test_what_is_too_slow_is_left_out() -> None:
    def names(side: places.Side, sizes: jobs.Sizes) -> set[str]:
        return {job.name for _, job, _ in jobs.in_rounds(jobs.JOBS, [side], sizes)}

    assert names(UML, jobs.QUICK) == {job.name for job in jobs.JOBS}
    assert names(QEMU, jobs.Sizes()) == names(UML, jobs.Sizes()) - {"flow_1000"}
    missing = names(QEMU, jobs.Sizes()) - names(QEMU, jobs.QUICK)
    assert missing == {"impaired_download", "all_experiments"}
    tclink = places.side_named("tclink")
    assert names(tclink, jobs.QUICK) == {"first_packet", "flow_10", "flow_100", "flow_1000"}


def test_every_line_has_a_job() -> None:
    filled = {line for job in jobs.JOBS for line in job.lines}
    assert set(table.LINES) <= filled


def test_a_failure_is_a_value_of_its_own() -> None:
    def fail(side: places.Side, sizes: jobs.Sizes) -> list[table.Value]:
        raise watch.RunFailed("it broke")

    (failed,) = jobs.measure(jobs.Job("memory", ("memory",), fail), UML, jobs.QUICK, 2)
    assert (failed["value"], failed["error"], failed["round"]) == (None, "it broke", 2)
    assert table.cell([failed], table.LINES["memory"]) == "1 FAILED"


def made_up_values() -> list[table.Value]:
    found = [value("dead_host", number) for number in (2.0, 9.0, 3.0)]
    found += [
        value("dead_host", 7.25, "qemu", checks_failed=True),
        value("memory", None, error="no"),
    ]
    flow = {"run_s": 0.5, "packets": 5000, "goodput_bps": 9.5e6, "certificate": "VALID"}
    found += [
        value("flow_10", 0.025, **flow),
        value("flow_10", 1.0, "tclink", goodput_mbps=9.4, **flow),
    ]
    phases = {"network": 0.25, "run": 1.0}
    return [*found, value("handshake_teardown", 2.0, phases=phases)]


def test_a_line_for_each_thing_and_a_column_for_each_place() -> None:
    rows = {row[0]: row[1:] for row in table.main_table(made_up_values())}
    assert rows[""] == ["must", "uml", "qemu", "tclink", "load"]
    dead = rows["`dead_host` (135 s), whole command, s"]
    assert dead == ["3", "3.00 (2.00 to 9.00)", "7.25 (a check failed)", "-", "0.5 to 0.7"]
    assert list(rows)[1].startswith("`handshake"), "in the table's order, not that of measuring"
    packets = table.packet_table(made_up_values())
    assert packets[1] == ["one flow, 10 Mbit/s", "10,000, 9.5, VALID", "10,000, 9.4, VALID"]
    phases = table.phase_table(made_up_values(), "handshake_teardown")
    assert phases[1:] == [["network", "0.250"], ["run", "1.000"]]
    assert output.all_tables([]) == []


def test_the_block_of_a_page_is_replaced() -> None:
    page = f"before\n{output.BEGIN}\nold\n{output.END}\nafter \\1\n"
    filled = f"before\n{output.BEGIN}\nnew \\1\n{output.END}\nafter \\1\n"
    assert output.fill_block(page, "new \\1") == filled
    with pytest.raises(SystemExit, match="once each"):
        output.fill_block("no marks", "new")


def test_an_earlier_record_is_shown_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("date", "tcpexp", "revision", "kernel", "processors", "processor", "rounds")
    facts = dict.fromkeys(words, "1") | {"quick": True, "places": {"uml": "Linux 7.3"}}
    facts["left_out"] = ["tclink is left out: it needs root"]
    record, page = tmp_path / "cost.json", tmp_path / "page.md"
    record.write_text(json.dumps({"facts": facts, "values": made_up_values()}))
    page.write_text(f"# Speed\n\n{output.BEGIN}\n{output.END}\n")
    assert cost.main(["--from", str(record), "--write", str(page)]) == 1, "a value has failed"
    said = capsys.readouterr()
    assert "3.00 (2.00 to 9.00)" in said.out
    assert "FAILED memory on uml: no" in said.err
    text = page.read_text()
    assert "| `dead_host` (135 s), whole command, s | 3 | 3.00" in text
    assert "- tclink is left out: it needs root" in text


def test_the_page_has_the_marks() -> None:
    output.fill_block(cost.PAGE.read_text(), "x")


@pytest.mark.parametrize("words", [["--rows", "x"], ["--rounds", "0"], ["--rows", ""]])
def test_wrong_options_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cost.parse_arguments(words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_names_every_row() -> None:
    argv = [sys.executable, str(BENCHMARKS / "cost.py"), "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in cost.NAMES)
