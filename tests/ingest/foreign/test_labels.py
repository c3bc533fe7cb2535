"""Labels of foreign captures are Wireshark's, also where tshark has to be asked: about packets made
from the table.
"""

import shutil

import pytest

from tcpexp.ingest import tshark
from tcpexp.ingest.foreign import asked, read_foreign
from tests.support import containers as k
from tests.support import crafting as c
from tests.support.talks import random_capture

COLUMNS = ("stream", "seq_rel", "ack_rel", "sack_blocks", "labels", "in_flight_bytes", "rtt_ns")
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)


@needs_tshark
@pytest.mark.parametrize("seed", range(600, 603))
def test_random_conversations(tmp_path, seed):
    """In most of them an ACK tells of what was never captured."""
    path = c.write_pcap(tmp_path / "x.pcap", random_capture(seed, talks=25))
    found = read_foreign([path])
    expected = tshark.read_capture(path, found.epoch_ns)
    for name in COLUMNS:
        assert found.packets[name].to_list() == expected[name].to_list(), name
    assert "ack_lost_segment" in found.packets["labels"].explode().to_list()
    assert found.notes.captures[0].unsure_labels == 0


@needs_tshark
def test_the_link_makes_no_difference(tmp_path):
    packets = random_capture(601, talks=8)
    plain = read_foreign([c.write_pcap(tmp_path / "x.pcap", packets)]).packets
    others = [(t_ns, k.cooked(frame)) for t_ns, frame in packets]
    cooked = read_foreign([c.write_pcap(tmp_path / "x.pcap", others, link=113)]).packets
    for name in COLUMNS:
        assert cooked[name].to_list() == plain[name].to_list(), name


def test_without_tshark_the_notes_say_that_labels_may_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(asked.shutil, "which", lambda program: None)
    talk = c.Talk().open().send(0, "A", 1, 1, 100).send(1, "A", 1, 501).send(1, "A", 1, 501)
    found = read_foreign([c.write_pcap(tmp_path / "x.pcap", talk.packets)])
    assert found.packets["labels"].to_list()[-2] == ["ack_lost_segment"]
    assert found.notes.captures[0].unsure_labels == 1


@needs_tshark
def test_what_cannot_be_made_for_tshark_keeps_labels_that_may_differ(tmp_path):
    talk = c.Talk().open().send(0, "A", 1, 1, 100).send(1, "A", 1, 501)
    packets = [(t_ns // 1000, frame) for t_ns, frame in talk.packets]
    packets[-1] = (packets[-1][0] + 70 * 365 * 86_400 * 10**6, packets[-1][1])
    path = k.write_pcapng(tmp_path / "x.pcapng", packets, units=10**9)
    found = read_foreign([path])
    assert found.packets["labels"].to_list()[-1] == ["ack_lost_segment"]
    assert found.notes.captures[0].unsure_labels == 1


def test_without_labels_their_columns_are_null(tmp_path):
    path = c.write_pcap(tmp_path / "x.pcap", random_capture(5, talks=2))
    bare, full = read_foreign([path], labels=False).packets, read_foreign([path]).packets
    missing = ["labels", "in_flight_bytes", "rtt_ns"]
    assert all(bare[name].null_count() == bare.height for name in missing)
    assert bare.drop(missing).equals(full.drop(missing))
