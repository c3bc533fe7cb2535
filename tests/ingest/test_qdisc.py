"""The kernel's unparsed answers about qdiscs, as a run recorded them: two flows fill a bottleneck
of 10 Mbit/s.
"""

import shutil
import struct
from pathlib import Path

import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.qdisc import parse_dumps, parse_sources, read_queues
from tcpexp.record.rtnetlink import FILE_HEAD, RECORD_HEAD

RAW = Path(__file__).parent / "data" / "linux-6.1-qdisc"
DUMPS = (RAW / "qdisc.nl").read_bytes()
LINKS = parse_sources((RAW / "qdisc_sources.json").read_text())
FIRST = RECORD_HEAD.unpack_from(DUMPS, FILE_HEAD.size)[2]


def test_every_qdisc_of_the_wire_has_a_row_per_sample():
    rows = read_queues(RAW)
    assert rows.select("t_ns", "towards", "qdisc").rows() == [
        (t_ns, towards, qdisc)
        for t_ns in (26_256_634, 7_500_111_759)
        for towards in ("h1", "h2")
        for qdisc in ("netem", "shaper", "queue")
    ]
    full = rows.row(-1, named=True)
    assert (
        full["link"],
        full["backlog_packets"],
        full["backlog_bytes"],
        full["drops"],
        full["ecn_mark"],
    ) == ("h1-h2", 25, 25 * 1514, 199, None)
    assert full["sent_bytes"] == 9_122_344


def test_a_record_cut_off_is_left_out():
    assert parse_dumps(DUMPS[:-1], LINKS)["t_ns"].unique().to_list() == [26_256_634]
    assert parse_dumps(DUMPS[:5], LINKS).height == 0


def test_rows_of_older_runs_are_read(tmp_path):
    assert read_queues(tmp_path).height == 0
    (tmp_path / "qdisc.jsonl").write_text(read_queues(RAW).write_ndjson())
    assert read_queues(tmp_path).equals(read_queues(RAW))


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"x\.nl: not qdisc dumps of version 1"):
        parse_dumps(struct.pack("=8sI", b"TCPEXPNL", 2) + DUMPS[FILE_HEAD.size :], LINKS, "x.nl")
    with pytest.raises(DataError, match="link 0 of 0"):
        parse_dumps(DUMPS, [])
    shutil.copy(RAW / "qdisc.nl", tmp_path)
    assert read_queues(tmp_path).height == 0, (
        "the run was killed before it left what explains the dumps"
    )
    (tmp_path / "engine.json").write_text("{}")
    with pytest.raises(DataError, match=r"qdisc_sources\.json"):
        read_queues(tmp_path)
