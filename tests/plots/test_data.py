"""The numbers behind the figures: shares, counters, labels."""

import numpy as np
import polars as pl
import pytest

from tcpexp.errors import SpecError
from tcpexp.plots.counters import Counters, moved_counters
from tcpexp.plots.labels import labelled_packets
from tcpexp.plots.share import running_index
from tests.support.fake_run import (
    MSS,
    make_plan,
    one_connection,
    shared_bottleneck,
    write_run,
)


def test_jains_index():
    values, running = (
        np.array([[1.0, 1.0], [1.0, 0.0], [3.0, 1.0], [5.0, 0.0]]),
        np.array([[True, True], [True, True], [True, True], [True, False]]),
    )
    assert running_index(values, running)[:3] == pytest.approx([1.0, 0.5, 0.8])
    assert np.isnan(running_index(values, running)[3])


def test_counters_that_moved_count_from_the_start(tmp_path):
    rows = [
        {"t_ns": t, "node": "h2", "counter": name, "value": value}
        for t, name, value in (
            (0, "TcpExt.ListenDrops", 7),
            (5, "TcpExt.ListenDrops", 9),
            (0, "Tcp.InErrs", 3),
            (5, "Tcp.InErrs", 3),
            (0, "Tcp.Rare", 1),
            (5, "Tcp.Rare", 4),
        )
    ]
    run = write_run(tmp_path, make_plan(), {"counters": pl.DataFrame(rows)})
    assert moved_counters(run, Counters.resolve({}))["increase"].to_list() == [0, 2]
    assert moved_counters(run, Counters.resolve({"counters": ["Rare"]}))[
        "counter"
    ].unique().to_list() == ["Tcp.Rare"]


def test_counters_of_chosen_hosts_only(tmp_path):
    rows = [
        {"t_ns": t, "node": node, "counter": "TcpExt.ListenDrops", "value": t}
        for node in ("h1", "h2")
        for t in (0, 5)
    ]
    run = write_run(tmp_path, make_plan(), {"counters": pl.DataFrame(rows)})
    assert moved_counters(run, Counters.resolve({"hosts": ["h2"]}))["node"].unique().to_list() == [
        "h2"
    ]
    with pytest.raises(SpecError, match="hosts must be a list"):
        Counters.resolve({"hosts": "h2"})


def test_a_label_per_row(tmp_path):
    rows = labelled_packets(one_connection(tmp_path), {"between": None, "capture": "h2-eth0"})
    assert rows["label"].to_list() == ["retransmission", "rto"]
    assert rows["number"].n_unique() == 1


def test_the_fake_is_what_it_says(tmp_path):
    assert set(shared_bottleneck(tmp_path, 4).table("packets")["payload_bytes"].unique()) == {
        0,
        MSS,
    }
