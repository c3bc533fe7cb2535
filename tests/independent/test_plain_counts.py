"""The numbers of a run beside counts that share nothing with tcpexp: on the inputs that once came
out wrong, each with its right value.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tcpexp.analysis.links import find_rate_epochs
from tcpexp.analysis.offered import offered_bits
from tcpexp.checks.run import load_checks
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData
from tcpexp.views.flows import binned_goodput
from tests.support import plain_counts
from tests.support.plain_counts import differences, read_run

HERE = Path(__file__).parent
CASES = ("tail", "trace_end", "late_flow", "snaplen", "cake_marks", "bytes")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunData]:
    """Return a function that gives the run of a case, made once."""
    made: dict[str, RunData] = {}

    def run(name: str) -> RunData:
        if name not in made:
            outcome = run_experiment(
                HERE / "cases" / f"{name}.yaml",
                RunOptions(on="guest", out=tmp_path_factory.mktemp(name)),
            )
            assert outcome.status == "complete", outcome.problems
            made[name] = RunData(outcome.path)
        return made[name]

    return run


def test_the_counts_use_nothing_of_ours() -> None:
    tree = ast.parse(Path(plain_counts.__file__).read_text())
    imported = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.partition(".")[0] for module in imported} <= set(sys.stdlib_module_names)


@pytest.mark.guest
@pytest.mark.parametrize("name", CASES)
def test_the_numbers_are_those_that_plain_tshark_counts(
    recorded: Callable[[str], RunData], name: str
) -> None:
    assert differences(read_run(recorded(name).path)) == []


@pytest.mark.guest
@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("flows", "up", "goodput_bytes"), 1),
        (("flows", "up", "packets_sent"), 1),
        (("flows", "up", "retransmissions"), 1),
        (("flows", "up", "lost_packets"), 1),
        (("flows", "up", "rtt", "p95_ms"), 30.0),
        (("labels", "duplicate_ack", "captures", "h1-eth0"), 1),
        (("queues", 1, "max_packets"), 1),
        (("queues", 1, "drops"), 1),
        (("counters", "h1", "Tcp.OutSegs"), 1),
        (("packets", "h2-eth0"), 1),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_number_that_is_altered_is_found(
    recorded: Callable[[str], RunData], path: tuple[str | int, ...], wrong: float
) -> None:
    run = read_run(recorded("snaplen").path)
    metrics = json.loads(json.dumps(run.metrics))
    inner = metrics
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = (inner.get(path[-1]) or 0) + wrong
    found = differences(replace(run, metrics=metrics))
    assert len(found) == 1
    assert str(path[-1]).removesuffix("_packets") in found[0]


@pytest.mark.guest
def test_what_arrives_after_the_end_does_not_count(recorded: Callable[[str], RunData]) -> None:
    run = recorded("tail")
    metric = run.metrics["flows"]["up"]["goodput_bps"]
    assert metric == pytest.approx(3.5e6, rel=0.03)
    checks = [check.measured for check in load_checks(run.path)]
    assert checks[:2] == [f"{metric / 1e6:.3f} Mbit/s"] * 2
    end_s = (run.engine["t0_realtime_ns"] + run.end_ns) / 1e9
    argv = [
        "tshark",
        "-n",
        "-r",
        str(run.path / "raw" / "h2-eth0.pcap"),
        "-Y",
        f"tcp.len > 0 && frame.time_epoch >= {end_s:.9f}",
    ]
    late = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(late) > 100  # the capture has it all the same


@pytest.mark.guest
def test_never_more_than_the_link_offers(recorded: Callable[[str], RunData]) -> None:
    run = recorded("trace_end")
    flow = run.metrics["flows"]["up"]
    assert 0.95 < flow["utilization"] <= 1
    offered = offered_bits(find_rate_epochs(run), [("h1-h2", "h2")], 0, run.end_ns)
    assert offered is not None and flow["goodput_bytes"] * 8 < offered
    assert flow["goodput_active_bps"] < 1.212e6


@pytest.mark.guest
def test_a_flow_that_begins_at_the_end_changes_no_other(recorded: Callable[[str], RunData]) -> None:
    run = recorded("late_flow")
    rates, interval_s = binned_goodput(run)
    assert rates is not None and interval_s == 0.1
    steady = rates.filter(pl.col("t_ns") > 500_000_000)["bulk"]
    assert 9.0e6 < steady.min() <= steady.max() < 9.7e6  # type: ignore[operator]
    assert run.metrics["shares"]["whole"]["share"]["bulk"] == 1.0


@pytest.mark.guest
def test_what_a_short_snaplen_hides_is_not_known(recorded: Callable[[str], RunData]) -> None:
    run = recorded("snaplen")
    events = run.metrics["flows"]["up"]["loss_events"]
    assert events["noticed_by"] == {"unknown": events["count"]}
    assert run.table("packets").filter(pl.col("protocol") == "tcp")["options_cut"].all()
    data = run.table("packets").filter(pl.col("payload_bytes") > 0)
    assert data["window_bytes"].null_count() == data.height  # the SYN's window scale was cut off
    item = next(item for item in run.certificate["items"] if item["name"] == "TCP options")
    assert item["verdict"] == "not measured" and "SACK" in item["why"]


@pytest.mark.guest
def test_cakes_marks_are_those_in_the_capture(recorded: Callable[[str], RunData]) -> None:
    run = recorded("cake_marks")
    assert [check.result for check in load_checks(run.path)] == ["PASS"] * 4
    argv = [
        "tshark",
        "-n",
        "-r",
        str(run.path / "raw" / "h2-eth0.pcap"),
        "-Y",
        "ip.dsfield.ecn == 3 && ip.dst == 10.0.0.2",
    ]
    marked = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert run.metrics["queues"][1]["ecn_marks"] == len(marked) > 5


@pytest.mark.guest
def test_iperf3_sends_the_bytes_that_are_asked(recorded: Callable[[str], RunData]) -> None:
    run = recorded("bytes")
    assert run.metrics["flows"]["put"]["goodput_bytes"] == 200_000 + 37  # iperf3's cookie
    (report,) = [
        json.loads(path.read_text()) for path in (run.path / "raw" / "logs").glob("a00.out")
    ]
    assert report["end"]["sum_sent"]["bytes"] == report["end"]["sum_received"]["bytes"] == 200_000
