"""The cost benchmark's parsing and adding up, on made-up runs; nothing is timed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cost
import pytest
from costing import cases, figure, measure, memory, output, rows, saturation, summary, tables, watch
from costing.watch import Mark

from tcpexp.runner import RunOptions, compile_spec

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

MARKS = [
    Mark("begin", 0.0), Mark("starting", 0.5), Mark("network", 1.0, 0.0), Mark("run", 2.0, 0.0), Mark("run", 2.1, -0.1), Mark("run", 2.5, 0.4),
    Mark("stop", 3.0, 10.0), Mark("done", 3.5, 0.0), Mark("reading captures", 4.0), Mark("writing the report", 5.0),
]  # fmt: skip


def row(part: str = "b", case: str = "one", **more: object) -> summary.Row:
    phases = watch.intervals(MARKS, 6.0)
    made = {
        "part": part, "case": case, "axes": {}, "wall_s": 6.0, "phases": phases, "guest_seen": True, "run_s": phases["run"], "virtual_s": 10.0,
        "syn_clock_s": 0.04, "syn_between_s": watch.bracket(MARKS, 0.04), "packets": 5000,
        "memory": {"QEMU": {"rss": 300 << 20, "own": 200 << 20}, "tcpexp": {"rss": 90 << 20}},
        "certificate": "VALID", "certificate_reasons": [], "load_average": 0.5,
    }  # fmt: skip
    return {**made, **more}


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("shake: One short connection (10 s, seed 1, on the guest)", "starting"),
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


def test_intervals_add_up_to_the_whole() -> None:
    parts = watch.intervals(MARKS, 6.0)
    assert list(parts) == ["Python, imports, compile", "restore", "network", "run", "stop", "unpacking", "reading captures", "report and exit"]
    assert parts["run"] == pytest.approx(1.0)
    assert sum(parts.values()) == pytest.approx(6.0)


def test_the_guests_own_word_counts_before_the_commands_lines() -> None:
    lines = [Mark("begin", 0.0), Mark("run", 2.3), Mark("drawing", 5.0)]
    device = [Mark("run", 2.0, 0.0), Mark("stop", 3.0, 1.0)]
    assert [mark.at_s for mark in watch.merge_marks(lines, device)] == [0.0, 2.0, 3.0, 5.0]


def test_the_first_syn_lies_between_two_looks_at_the_clock() -> None:
    assert watch.bracket(MARKS, 0.04) == (2.1, 2.5)
    assert watch.bracket(MARKS, 11.0) is None
    assert tables.stop_seen_s(row()) == pytest.approx(3.0)


def test_memory_is_read_as_the_kernel_writes_it() -> None:
    assert memory.parse_peak("Name:\tqemu\nVmPeak:\t  900 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n") == 300 * 1024
    assert memory.parse_peak("Name:\tkthreadd\n") == 0
    rollup = "55d0-7ffe ---p 0 00:00 0 [rollup]\nRss:  500 kB\nPss:  400 kB\nPrivate_Clean:  100 kB\nPrivate_Dirty:  200 kB\nAnonymous:  150 kB\n"
    assert memory.parse_rollup(rollup) == {"pss": 400 * 1024, "unique": 300 * 1024, "own": 150 * 1024}


def test_spread() -> None:
    found = summary.spread_of([9.0, 10.0, 11.0])
    assert found is not None
    assert (found.count, found.least, found.median, found.most) == (3, 9.0, 10.0, 11.0)
    assert found.variation == pytest.approx(0.1)
    assert summary.spread_of([]) is None
    assert summary.spread_of([5.0, 5.0]).variation == 0.0  # type: ignore[union-attr]
    assert summary.spread_of([0.0]).variation is None  # type: ignore[union-attr]


def test_where_the_limit_is_crossed() -> None:
    assert saturation.crossing([(10_000, 0.4), (20_000, 0.6), (30_000, 1.0)]) == (pytest.approx(25_000), True)
    assert saturation.crossing([(10_000, 0.9)]) == (pytest.approx(8_889, rel=1e-3), True)
    assert saturation.crossing([(10_000, 0.2), (20_000, 0.4)]) == (pytest.approx(40_000), False)
    assert saturation.crossing([]) is None


def test_the_processor_is_read_from_the_certificate() -> None:
    item = {"name": "processor", "asked": "at most 80% busy in any second", "measured": "83% at most, at 2.0 s", "verdict": "suspect"}
    assert rows.processor_of({"items": [{"name": "run", "measured": "complete", "verdict": "ok"}, item]}) == (0.83, "suspect")
    assert rows.processor_of({"items": []}) == (None, "not measured")


def test_every_case_compiles(tmp_path: Path) -> None:
    every = [*cases.growth_cases(4), cases.handshake(10), cases.bulk(10, 1, 4, mss=256)]
    assert len({case.name for case in every}) == len(every)
    for number, case in enumerate(every):
        plan = compile_spec(case.write(tmp_path / str(number)), RunOptions(), 0)
        assert plan.flows
    axes = {axis for case in every for axis in case.axes}
    assert {panel[0] for panel in figure.PANELS} == axes


def test_rounds_go_through_all_jobs() -> None:
    jobs = [measure.Job("a", "x", 2, list), measure.Job("b", "y", 1, list)]
    assert [(turn, job.name) for turn, job in measure.in_rounds(jobs)] == [(1, "x"), (1, "y"), (2, "x")]


def made_up_rows() -> list[summary.Row]:
    cut = "handshake, up to its first SYN"
    found = [row("a", "handshake, 10 s"), row("a", cut)]
    found += [row("b", f"{rate} Mbit/s", axes={"rate": rate}, wall_s=5.0 + rate) for rate in (1, 10)]
    sizes = {"disk_bytes": 5 << 20, "ram_disk_bytes": 4 << 20, "state_disk_bytes": 300 << 10}
    found.append({"part": "d", "case": "template in the cache", **sizes, "build_seconds": 12.3})
    measured = {"goodput_mbps": 9.2, "idle_rtt_ms": 40.0, "rtt_p50_ms": 64.0, "rtt_p95_ms": 76.0}
    slower = {**measured, "rtt_p50_ms": 70.0}
    found += [row("e", "ours", **measured)]
    found += [row("f", "ours", loops=0, seed=None, **measured), row("f", "ours", loops=4, seed=None, **slower)]
    found += [row("g", "one", mode="side by side"), {"part": "g", "case": "pair", "serial_s": 20.0, "parallel_s": 12.5, "processors": 2}]
    reasons = ["processor: busy up to 91% between 0.0 s and 1.0 s"]
    suspect = {"certificate": "SUSPECT", "certificate_reasons": reasons, "processor": "suspect"}
    found += [row("h", "x", frames="full frames", rate_mbit=400, pps=37_000.0, busy=0.9, busiest=0.91, **suspect)]
    return found


def test_tables_of_every_part() -> None:
    made = {table.title: table for table in tables.all_tables(made_up_rows())}
    assert len(made) == 9
    text = "\n".join(output.as_text(table) for table in made.values())
    assert "1.60" in text  # 20 s one after the other against 12.5 s
    assert "SUSPECT (processor)" in text
    growth = made["Wall time for each virtual second"]
    assert [line[0] for line in growth.lines] == ["1 Mbit/s", "10 Mbit/s"]
    assert growth.lines[0][1:6] == ("6.00", "0.100", "0.600", "5000", "5000")
    for table in made.values():
        assert all(len(line) == len(table.headings) for line in table.lines)
    assert tables.all_tables([]) == []


def test_equal_captures_are_counted() -> None:
    runs = [row("f", "ours", seed=seed, captures=digest) for seed, digest in ((None, "a"), (None, "a"), (None, "b"), (5, "c"))]
    (sentence,) = tables.same_captures(runs)
    assert sentence.startswith("ours: with one seed, 2 of 3 runs")
    assert tables.same_captures([row("f", "stock", seed=None, captures=None)]) == []


def test_growth_points_take_medians() -> None:
    runs = [row("b", "x", axes={"rate": 10}, wall_s=wall) for wall in (4.0, 9.0, 5.0)]
    ((value, numbers),) = summary.growth_points(runs, "rate")
    assert (value, numbers["whole command"]) == (10.0, 5.0)
    assert numbers["reading, figures, report"] == pytest.approx(2.0)


def test_the_block_of_a_page_is_replaced() -> None:
    page = f"before\n{output.BEGIN}\nold\n{output.END}\nafter \\1\n"
    assert output.fill_block(page, "new \\1") == f"before\n{output.BEGIN}\nnew \\1\n{output.END}\nafter \\1\n"
    with pytest.raises(SystemExit, match="once each"):
        output.fill_block("no marks", "new")


def test_an_earlier_record_is_shown_drawn_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = dict.fromkeys(("date", "tcpexp", "revision", "qemu", "kernel", "processors", "processor", "load", "rounds"), "1") | {"quick": True}
    record, page = tmp_path / "cost.json", tmp_path / "page.md"
    record.write_text(json.dumps({"facts": facts, "rows": made_up_rows()}))
    page.write_text(f"# Speed\n\n{output.BEGIN}\n{output.END}\n")
    assert cost.main(["--from", str(record), "--figure", str(tmp_path / "images" / "cost"), "--markdown", str(page)]) == 0
    assert "Two runs on 2 processors" in capsys.readouterr().out
    assert (tmp_path / "images" / "cost.svg").read_text().count("wall seconds") > 0
    assert (tmp_path / "images" / "cost.png").stat().st_size > 0
    text = page.read_text()
    assert "![How the cost grows](images/cost.svg)" in text
    assert "| full frames | 400 |" in text


def test_wrong_parts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cost.parse_arguments(["--parts", "az"])
    assert ended.value.code == 2
    assert "abcdefgh" in capsys.readouterr().err


def test_help_names_every_part() -> None:
    done = subprocess.run([sys.executable, str(BENCHMARKS / "cost.py"), "--help"], capture_output=True, text=True, check=True)
    assert all(f"\n{part}  " in done.stdout for part in cost.PARTS)
