"""The words of rtnetlink that engine and ingest share."""

import struct

import pytest

from tcpexp.record.rtnetlink import DUMP_REQUEST, FILE_HEAD, RECORD_HEAD, ends_dump
from tests.support.folders import RECORDED

RAW = RECORDED / "linux-6.1-qdisc"


DUMPS = (RAW / "qdisc.nl").read_bytes()


FIRST = RECORD_HEAD.unpack_from(DUMPS, FILE_HEAD.size)[2]


def test_the_end_of_a_dump_is_told_from_counters():
    sequence = DUMP_REQUEST[8:12]
    done = struct.pack("=IHH4sIi", 20, 3, 2, sequence, 0, 0)
    datagram = DUMPS[FILE_HEAD.size + RECORD_HEAD.size :][:FIRST]
    assert ends_dump(done)
    assert ends_dump(datagram + done)
    assert not ends_dump(datagram)
    assert not ends_dump(datagram + struct.pack("=5I", 20, 3, 199, 0, 0))
    with pytest.raises(PermissionError):
        ends_dump(struct.pack("=IHH4sIi", 36, 2, 0, sequence, 0, -1) + DUMP_REQUEST[:16])
