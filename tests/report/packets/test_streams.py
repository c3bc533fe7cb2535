"""Streams put together from made-up packets: order, overlaps, gaps, what there is no room for."""

import polars as pl
import pytest

from tcpexp.report.packets import streams
from tcpexp.report.packets.streams import described, streams_of
from tcpexp.report.panels.columns import ColumnStore, unpack
from tcpexp.store.frames import write_table
from tests.support.run_builder import RunBuilder

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)


def stream_of(tmp_path, *segments):
    """Return the stream of segments: (way, start, size), in the order of their capture."""
    rows = [
        {
            "capture": "h1-eth0",
            "number": number,
            "connection": 1,
            "protocol": "tcp",
            "src": (SERVER if way else CLIENT)[0],
            "src_port": (SERVER if way else CLIENT)[1],
            "seq_rel": start,
            "payload_bytes": size,
        }
        for number, (way, start, size) in enumerate(segments, 1)
    ]
    run = RunBuilder(tmp_path).table("packets", *rows).done()
    ends = {
        f"{who}_{what}": value
        for who, end in (("client", CLIENT), ("server", SERVER))
        for what, value in zip(("address", "port"), end, strict=True)
    }
    reach = [
        max((start + size - 1 for w, start, size in segments if w == way), default=0)
        for way in (0, 1)
    ]
    row = {"connection": 1, "capture": "h1-eth0", **ends}
    row |= {"bytes_to_server": reach[0], "bytes_to_client": reach[1]}
    write_table(tmp_path, "connections", pl.DataFrame([row]))
    run.forget()
    (stream,) = streams_of(run, {})
    return stream


def pieces(stream):
    return [
        (piece.way, piece.number, piece.start, piece.size, piece.gap) for piece in stream.pieces
    ]


def test_question_and_answer_stand_in_the_order_of_delivery(tmp_path):
    stream = stream_of(tmp_path, (0, 1, 10), (1, 1, 30), (0, 11, 5))
    assert pieces(stream) == [(0, 1, 1, 10, 0), (1, 2, 1, 30, 0), (0, 3, 11, 5, 0)]
    assert stream.left_out == [0, 0]
    assert stream.ends == ("10.0.0.1:40000", "10.0.0.2:80")


def test_what_was_sent_twice_stands_there_once(tmp_path):
    stream = stream_of(tmp_path, (0, 1, 10), (0, 1, 10), (0, 6, 10))
    assert pieces(stream) == [(0, 1, 1, 10, 0), (0, 3, 11, 5, 0)]
    assert stream.wanted == {1: 10, 3: 10}  # of the third, what lies behind its first 5 bytes


def test_a_packet_behind_a_gap_waits_until_the_gap_is_filled(tmp_path):
    stream = stream_of(tmp_path, (0, 1, 10), (0, 21, 10), (0, 31, 10), (1, 1, 5), (0, 11, 10))
    assert pieces(stream) == [
        (0, 1, 1, 10, 0),
        (1, 4, 1, 5, 0),
        (0, 5, 11, 10, 0),
        (0, 2, 21, 10, 0),
        (0, 3, 31, 10, 0),
    ]


def test_a_gap_that_is_never_filled_is_said(tmp_path):
    stream = stream_of(tmp_path, (0, 1, 10), (0, 21, 10))
    assert pieces(stream) == [(0, 1, 1, 10, 0), (0, 2, 21, 10, 10)]
    assert stream.left_out == [10, 0]


def test_a_page_holds_only_the_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MOST_BYTES", 25)
    stream = stream_of(tmp_path, *((0, 1 + 10 * at, 10) for at in range(6)))
    assert pieces(stream) == [(0, 1, 1, 10, 0), (0, 2, 11, 10, 0), (0, 3, 21, 5, 0)]
    assert stream.left_out == [35, 0]


def test_the_page_gets_what_was_captured(tmp_path):
    stream = stream_of(tmp_path, (0, 1, 4), (0, 3, 4), (1, 1, 6))
    store = ColumnStore()
    told = described(stream, {1: b"abcd", 2: b"cdef", 3: b"xy"}, store)
    columns = {name: unpack(store.packed(), at) for name, at in told["columns"].items()}
    assert bytes(columns["bytes"]) == b"abcdefxy"
    assert columns["held"] == [4, 2, 2]
    assert columns["size"] == [4, 2, 6]
    assert (told["connection"], told["capture"]) == (1, "h1-eth0")


def test_a_run_without_payload_has_no_stream(tmp_path):
    run = RunBuilder(tmp_path).done()
    assert streams_of(run, {}) == []


@pytest.mark.parametrize("way", [0, 1])
def test_either_end_may_speak_alone(tmp_path, way):
    assert pieces(stream_of(tmp_path, (way, 1, 7))) == [(way, 1, 1, 7, 0)]
