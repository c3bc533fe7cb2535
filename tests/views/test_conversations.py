"""Conversations, compared with those that tshark counts in the same capture."""

import re
import subprocess

import pytest

from tcpexp.analysis.derive import derive_tables
from tcpexp.ingest.ingest import ingest_run
from tcpexp.views.conversations import conversations
from tests.support.lossy_run import make_lossy_run
from tests.support.run_builder import RunBuilder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = ingest_run(make_lossy_run(tmp_path_factory.mktemp("talks")))
    derive_tables(run)
    return run


def tsharks(capture, kind):
    """Return tshark's table: by both ends (in order), frames and bytes from the first to the
    second, back, and the duration in seconds.
    """
    argv = ["tshark", "-n", "-q", "-r", capture, "-z", f"conv,{kind}"]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    unit = {"bytes": 1, "kB": 1000, "MB": 10**6}
    found = {}
    for line in text.splitlines():
        cells = re.findall(
            r"(\S+) *<-> (\S+) +(\d+) (\d+) (\w+) +(\d+) (\d+) (\w+) .*?([\d.]+)$", line
        )
        if cells:
            a, b, back, back_bytes, one, there, there_bytes, two, long = cells[0]
            found[a, b] = (
                (int(there), int(there_bytes) * unit[two]),
                (int(back), int(back_bytes) * unit[one]),
                float(long),
            )
    return found


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("capture", ["h1-eth0", "h2-eth0"])
def test_they_are_tsharks(run, capture, kind):
    asked = tsharks(run.path / "raw" / f"{capture}.pcap", kind)
    ours = [row for row in conversations(run, capture) if row["protocol"] == kind]
    assert len(ours) == len(asked) > 0
    for row in ours:
        a, b = f"{row['a']}:{row['a_port']}", f"{row['b']}:{row['b_port']}"
        ways = list(zip(row["packets"], row["frame_bytes"], strict=True))
        there, back, long = asked.get((a, b)) or (
            *reversed(asked[b, a][:2]),
            asked[b, a][2],
        )
        for (packets, size), (frames, octets) in zip(ways, (there, back), strict=True):
            assert packets == frames
            assert size == pytest.approx(octets, abs=0 if octets < 1000 or octets % 1000 else 999)
        assert row["duration_ns"] / 1e9 == pytest.approx(long, abs=1e-4)


def test_what_was_sent_again_is_what_the_table_says(run):
    (bulk,) = [row for row in conversations(run, "h1-eth0") if row["flow"] == "bulk"]
    mine = run.table("resent").filter(connection=bulk["connection"])
    assert bulk["resent"] == (
        mine.filter(src="10.0.1.1").height,
        mine.filter(src="10.0.2.1").height,
    )
    assert bulk["resent"][0] > 0
    assert bulk["rate_bps"][0] == pytest.approx(bulk["frame_bytes"][0] * 8e9 / bulk["duration_ns"])


def test_a_packet_alone_has_no_rate(tmp_path):
    packet = {"capture": "h1-eth0", "number": 1, "t_ns": 5, "protocol": "udp", "frame_bytes": 60}
    packet |= {"src": "10.0.0.1", "src_port": 9, "dst": "10.0.0.2", "dst_port": 9}
    (row,) = conversations(RunBuilder(tmp_path).table("packets", packet).done(), "h1-eth0")
    assert row["rate_bps"] is None
    assert row["resent"] is None
    assert row["packets"] == (1, 0)


def test_the_same_port_at_both_ends_is_one_conversation(tmp_path):
    one = {"capture": "h1-eth0", "protocol": "udp", "frame_bytes": 60, "src_port": 9, "dst_port": 9}
    rows = [
        one | {"number": 1, "t_ns": 0, "src": "10.0.0.1", "dst": "10.0.0.2"},
        one | {"number": 2, "t_ns": 1, "src": "10.0.0.2", "dst": "10.0.0.1"},
    ]
    (row,) = conversations(RunBuilder(tmp_path).table("packets", *rows).done(), "h1-eth0")
    assert row["packets"] == (1, 1)
