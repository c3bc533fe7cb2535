"""The subflows of an MPTCP connection: their names, and what came over each."""

from pathlib import Path

import polars as pl

from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData
from tcpexp.views.subflows import subflow_arrivals, subflow_names, subflow_of, subflow_rates
from tests.support.fake_run import SECOND, make_plan, network, write_run

SUBFLOWS = pl.DataFrame(
    {
        "connection": [1, 2],
        "mptcp": [1, 1],
        "number": [1, 2],
        "flow": ["cubic", "cubic"],
        "subflow": ["cubic.1", "cubic.2"],
    }
)


def run_of(path: Path, *rows: tuple[int, int, int, int]) -> RunData:
    """Return a run in which segments of 1000 bytes arrive: time, connection, its own number, that
    of the data.
    """
    packets = pl.DataFrame(
        [
            {
                "t_ns": time,
                "node": "h2",
                "flow": "cubic",
                "connection": connection,
                "capture": f"h2-eth{connection}",
                "stream": 0,
                "number": number,
                "src": "10.0.0.1",
                "src_port": 40000 + connection,
                "seq": seq,
                "dsn": dsn,
                "payload_bytes": 1000,
                "checksum_bad": False,
            }
            for number, (time, connection, seq, dsn) in enumerate(rows)
        ]
    )
    flow = FlowPlan(
        "cubic", "h1", "h2", 5201, "h1", "iperf3", "a01", "not_first", "cubic", 0, SECOND
    )
    plan = make_plan(flows=(flow,), network=network())
    return write_run(path, plan, {"packets": packets, "subflows": SUBFLOWS})


def test_subflows_have_names(tmp_path: Path) -> None:
    run = run_of(tmp_path, (1, 1, 1, 1))
    assert subflow_names(run) == {1: "cubic.1", 2: "cubic.2"}
    row = subflow_of(run, "cubic.2")
    assert row is not None
    assert row["connection"] == 2
    assert subflow_of(run, "cubic.3") is None


def test_data_that_had_come_over_the_other_subflow_are_told_apart(tmp_path: Path) -> None:
    run = run_of(
        tmp_path, (0, 1, 100, 1), (1, 2, 700, 1001), (2, 2, 1700, 1), (SECOND, 1, 1100, 2001)
    )
    rows = subflow_arrivals(run, "cubic")
    assert rows.sort("t_ns").select("subflow", "new_bytes").rows() == [
        ("cubic.1", 1000),
        ("cubic.2", 1000),
        ("cubic.2", 0),
        ("cubic.1", 1000),
    ]
    assert subflow_arrivals(run, "cubic", (0, SECOND // 2)).height == 3
    assert subflow_arrivals(run, "nobody").is_empty()


def test_rates_add_up_to_the_bytes(tmp_path: Path) -> None:
    run = run_of(
        tmp_path, (0, 1, 100, 1), (1, 2, 700, 1001), (2, 2, 1700, 1), (SECOND, 1, 1100, 2001)
    )
    rates = subflow_rates(run, "cubic")
    assert rates["new_bps"].sum() * 0.1 / 8 == 3000
    assert rates["again_bps"].sum() * 0.1 / 8 == 1000
    assert rates.filter(pl.col("subflow") == "cubic.2")["new_bps"].to_list() == [80_000.0]
