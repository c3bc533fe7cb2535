"""The same captures in tcpexp, Wireshark and tcptrace: counts and round-trip times agree, or differ
by a stated definition.

``other-tools/`` holds both ends of two transfers: ``tcpexp-*`` was recorded by tcpexp
(``tcpexp.yaml``, in the guest: the path towards the client loses, reorders and duplicates),
``curl-*`` by tcpdump on another network that knows nothing of tcpexp (``curl.sh``). What tcptrace
6.6.7 says of each is kept as it printed it (``tcptrace -l -r -n --csv``); tshark's own statistics
are asked for here. docs/concepts/other-tools.md explains the definitions.
"""

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from tcpexp.analysis.resent import build_resent, resent_of
from tcpexp.ingest.ingest import ingest_run
from tcpexp.ingest.tshark import LABELS, read_capture
from tcpexp.plan import types as t
from tcpexp.store.frames import write_table

DATA = Path(__file__).parent / "data/other-tools"
ALL = ("tcpexp-h1-eth0", "tcpexp-h2-eth0", "curl-client", "curl-server")
#: Where the data leave, by recording: file, port of the server, addresses of client and server.
TRANSFERS = {
    "tcpexp": ("tcpexp-h1-eth0", "tcpexp-h2-eth0", 80, "10.0.0.1", "10.0.0.2"),
    "curl": ("curl-client", "curl-server", 8000, "10.9.1.1", "10.9.2.1"),
}


def tcptrace(name):
    """Return tcptrace's numbers of the one connection, by the names of its columns."""
    with (DATA / f"tcptrace-6.6.7-{name}.csv").open() as file:
        head, row = list(csv.reader(file))[:2]
    return dict(zip(head, (cell.strip() for cell in row), strict=False))


def counted(name):
    packets = read_capture(DATA / f"{name}.pcap", 0)
    found = dict(
        packets.select(pl.col("labels").explode()).drop_nulls().group_by("labels").len().iter_rows()
    )
    return {label: found.get(label, 0) for label in LABELS}


def tshark_statistics(name, columns):
    """Return the cells of tshark's ``io,stat`` over the whole capture, with its default
    preferences.
    """
    argv = [
        "tshark",
        "-n",
        "-r",
        str(DATA / f"{name}.pcap"),
        "-q",
        "-z",
        "io,stat,0," + ",".join(columns),
    ]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    (row,) = [line for line in out.splitlines() if re.match(r"\|\s+[\d.]+ <> ", line)]
    return [
        float(cell)
        for cell in re.findall(r"\|\s+([\d.]+)(?=\s+\|)", row.split("|", 2)[2].join("||"))
    ]


def as_run(tmp_path, transfer):
    """Return a transfer as a run of one flow, read by tcpexp."""
    client_file, server_file, port, client, server = TRANSFERS[transfer]
    ends = (("h1", client, client_file), ("h2", server, server_file))
    nodes = tuple(
        t.NodePlan(
            node, "host", (t.InterfacePlan(f"{node}-eth0", "02:00:00:00:00:01", f"{address}/24"),)
        )
        for node, address, _ in ends
    )
    link = t.LinkPlan(
        "h1-h2",
        t.LinkEnd("h1", "h1-eth0"),
        t.LinkEnd("h2", "h2-eth0"),
        t.DirectionPlan(),
        t.DirectionPlan(),
        False,
        False,
        False,
        0,
    )
    flow = t.FlowPlan("download", "h1", "h2", port, "h2", "http", "a00", "all", None, 0, None)
    plan = t.RunPlan(
        "other",
        "",
        "",
        (),
        1,
        2_000_000_000,
        t.NetworkPlan("two_host", nodes, (link,), ("10.0.0.0/8",)),
        (),
        (),
        (),
        (flow,),
        (),
        (),
        "",
        (),
        t.Needs(),
    )
    (tmp_path / "raw").mkdir()
    for node, _, file in ends:
        shutil.copy(DATA / f"{file}.pcap", tmp_path / f"raw/{node}-eth0.pcap")
    (tmp_path / "plan.json").write_text(t.to_json(plan))
    t0 = int(read_capture(DATA / f"{client_file}.pcap", 0)["t_ns"].min())
    (tmp_path / "raw/engine.json").write_text(
        json.dumps({"status": "complete", "t0_realtime_ns": t0, "end_ns": 2_000_000_000})
    )
    return ingest_run(tmp_path)


@pytest.fixture(scope="module", params=list(TRANSFERS))
def transfer(request, tmp_path_factory):
    """(client's file, server's file, the run) of each transfer."""
    return *TRANSFERS[request.param][:2], as_run(
        tmp_path_factory.mktemp(request.param), request.param
    )


@pytest.mark.parametrize("name", ALL)
def test_every_label_is_counted_as_wireshark_counts_it(name):
    columns = [f"COUNT({field}){field}" for field in LABELS.values()]
    asked = dict(zip(LABELS, tshark_statistics(name, columns), strict=True))
    assert asked == counted(name)
    assert asked["retransmission"] >= 1 and asked["duplicate_ack"] > 40


@pytest.mark.parametrize("name", ALL)
def test_round_trip_times_are_wiresharks(name):
    field = "tcp.analysis.ack_rtt"
    count, low, high, mean = tshark_statistics(
        name, [f"{what}({field}){field}" for what in ("COUNT", "MIN", "MAX", "AVG")]
    )
    own = read_capture(DATA / f"{name}.pcap", 0)["rtt_ns"].drop_nulls()
    assert own.len() == count
    for value, theirs in ((own.min(), low), (own.max(), high), (own.mean(), mean)):
        assert value / 1e9 == pytest.approx(theirs, abs=1.1e-6)  # tshark prints µs


def data_sent_again(run):
    write_table(run.path, "resent", build_resent(run))
    run.forget("resent")
    return resent_of(run, run.plan.flows[0]).filter(pl.col("kind") == "data")


def test_the_senders_retransmissions_are_tcptraces(transfer):
    _, server, run = transfer
    again = data_sent_again(run)
    theirs = tcptrace(server)
    assert again.height == int(theirs["rexmt_data_pkts_b2a"]) > 0
    assert again["payload_bytes"].sum() == int(theirs["rexmt_data_bytes_b2a"])


def test_at_the_receiver_labels_sum_up_to_tcptraces_words(transfer):
    """tcptrace: a segment is a retransmission when the capture has seen its bytes, else out of
    order when a later one was seen.

    Wireshark calls the first kind Spurious Retransmission; the second it divides, by time, into
    Out-Of-Order and Retransmission.
    """
    client, _, _ = transfer
    labels, theirs = counted(client), tcptrace(client)
    assert labels["spurious_retransmission"] == int(theirs["rexmt_data_pkts_b2a"])
    late = labels["out_of_order"] + labels["retransmission"] - labels["spurious_retransmission"]
    assert late == int(theirs["outoforder_pkts_b2a"]) > 0


def test_late_and_lost_packets_of_the_joined_captures_are_tcptraces_out_of_order(transfer):
    """What tcpexp knows from both ends: everything that fills a gap was overtaken on the way, or is
    the repetition of a lost segment.
    """
    client, _, run = transfer
    journeys = run.table("journeys").filter(
        (pl.col("from_node") == "h2") & (pl.col("frame_bytes") > 100)
    )
    arrived = journeys.filter(pl.col("copies") > 0)
    again = data_sent_again(run)["number"]
    filling = arrived.filter(pl.col("late") | pl.col("sent_number").is_in(again.to_list()))
    spurious = (
        int(tcptrace(client)["rexmt_data_pkts_b2a"])
        - arrived.select((pl.col("copies") - 1).sum()).item()
    )
    assert filling.height - max(spurious, 0) == int(tcptrace(client)["outoforder_pkts_b2a"])


@pytest.mark.parametrize("name", ALL)
def test_duplicate_acks_are_tcptraces_but_for_fins(name):
    """tcptrace counts a FIN that repeats the last ACK as a duplicate ACK, RFC 5681 section 2 and
    Wireshark do not.
    """
    theirs = int(tcptrace(name)["duplicate_acks_b2a"])
    packets = read_capture(DATA / f"{name}.pcap", 0).filter(
        pl.col("dst_port").is_in([80, 8000]) & pl.col("flags").str.contains("A")
    )
    repeats = (
        (pl.col("ack") == pl.col("ack").shift())
        & (pl.col("window") == pl.col("window").shift())
        & (pl.col("payload_bytes") == 0)
    )
    fins = packets.filter(repeats & pl.col("flags").str.contains("F")).height
    assert counted(name)["duplicate_ack"] == theirs - fins > 40


def test_round_trip_times_of_data_against_tcptraces(transfer):
    """Both leave out what was sent twice (Karn); tcptrace also what an ACK covers together with
    other segments, tcpexp adds what SACK says.

    So tcpexp has more samples, and tcptrace's lie between tcpexp's smallest and largest.
    """
    _, server, run = transfer
    own, theirs = run.table("rtt")["rtt_ns"] / 1e6, tcptrace(server)
    low, high, mean, count = (
        float(theirs[f"RTT_{word}_b2a"]) for word in ("min", "max", "avg", "samples")
    )
    assert own.len() > 2 * count
    # tcptrace prints tenths of a ms
    assert own.min() <= low + 0.05 and high - 0.05 <= own.max() <= high * 1.1
    assert low < mean < high and own.min() < own.mean() < own.max()


def test_on_a_steady_path_the_mean_round_trip_time_is_tcptraces(tmp_path):
    """Where the queue does not grow while segments wait to be acknowledged, the choice of samples
    matters little: 5 %.
    """
    run = as_run(tmp_path, "tcpexp")
    assert run.table("rtt")["rtt_ns"].mean() / 1e6 == pytest.approx(
        float(tcptrace("tcpexp-h2-eth0")["RTT_avg_b2a"]), rel=0.05
    )
