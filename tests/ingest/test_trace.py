import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.errors import DataError
from tcpexp.ingest.trace import gather, ipv4_text, parse_format, parse_header_page, parse_pages

FORMAT = """name: sample
ID: 77
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:__u8 saddr[4];\toffset:8;\tsize:4;\tsigned:0;
\tfield:int change;\toffset:12;\tsize:4;\tsigned:1;
\tfield:__u64 cookie;\toffset:16;\tsize:8;\tsigned:0;

print fmt: "%d", REC->change
"""
HEADER_PAGE = """\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;
"""
PAGE, HEADER = 4096, 16


class RingBuffer:
    """Writes pages as the kernel does, from the description in include/linux/ring_buffer.h,
    independently of the parser.
    """

    def __init__(self, now=0, absolute=False):
        self.pages, self.now, self.absolute = [], now, absolute
        self._open(now)

    def _open(self, now):
        self.start, self.body, self.last = now, b"", now

    def _room(self, need):
        if len(self.body) + need > PAGE - HEADER:
            self.flush()
            self._open(self.now)

    def flush(self, flags=0):
        left = PAGE - HEADER - len(self.body)
        self.pages.append(
            struct.pack("<QQ", self.start, len(self.body) | flags) + self.body + bytes(left)
        )

    def write(self, now, record):
        self.now = now
        long = len(record) > 28 * 4
        self._room(8 + 8 + len(record))
        delta = now - self.last
        if self.absolute:
            self.body += struct.pack("<II", 31 | (now & (1 << 27) - 1) << 5, now >> 27 & 0xFFFFFFFF)
            delta = 0
        elif delta >= 1 << 27:
            self.body += struct.pack("<II", 30 | (delta & (1 << 27) - 1) << 5, delta >> 27)
            delta = 0
        self.last = now
        padded = record + bytes(-len(record) % 4)
        if long:
            self.body += struct.pack("<II", delta << 5, len(padded) + 4) + padded
        else:
            self.body += struct.pack("<I", len(padded) // 4 | delta << 5) + padded

    def discard(self, now, size):
        """An event that was reserved and thrown away: padding that says its length, its time still
        counts.
        """
        self.now = now
        self._room(8 + size)
        delta = max(now - self.last, 1)
        if delta >= 1 << 27:
            return
        self.last = now if now > self.last else self.last
        self.body += struct.pack("<II", 29 | delta << 5, size + 4) + bytes(size)

    def bytes(self, flags=0):
        self.flush(flags)
        return b"".join(self.pages)


def record(change, cookie=0, address=(10, 0, 0, 1), extra=0):
    return struct.pack("<HBBi4BiQ", 77, 0, 0, 1, *address, change, cookie) + bytes(extra)


def test_formats():
    kind = parse_format(FORMAT)
    assert (kind.name, kind.id, kind.size) == ("sample", 77, 24)
    assert kind.fields["change"].signed
    assert kind.fields["saddr"].array
    assert not kind.fields["cookie"].array
    assert parse_header_page(HEADER_PAGE) == (4096, 16)
    assert parse_header_page(HEADER_PAGE.replace("4080", "16368")) == (16384, 16)
    with pytest.raises(DataError):
        parse_format("hello")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1 << 31),
            st.integers(-(2**31), 2**31 - 1),
            st.sampled_from([0, 4, 88, 92, 200]),
        ),
        max_size=300,
    ),
    st.integers(0, 1 << 50),
    st.booleans(),
    st.booleans(),
)
def test_what_is_written_is_read(steps, start, absolute, with_discards):
    buffer, expected, now = RingBuffer(start, absolute), [], start
    for gap, change, extra in steps:
        now += gap
        if with_discards and change % 5 == 0:
            # the kernel writes 1 for no time at all in a discarded event: 1 ns cannot be told from
            # 0
            now += gap == 1
            buffer.discard(now, 12)
            continue
        buffer.write(now, record(change, cookie=abs(change), extra=extra))
        expected.append((now, change, abs(change)))
    columns = gather(parse_pages(buffer.bytes()), parse_format(FORMAT))
    found = list(
        zip(
            columns["t_ns"].tolist(),
            columns["change"].tolist(),
            columns["cookie"].tolist(),
            strict=True,
        )
    )
    assert found == expected


def test_addresses():
    buffer = RingBuffer()
    buffer.write(5, record(1, address=(192, 168, 0, 255)))
    columns = gather(parse_pages(buffer.bytes()), parse_format(FORMAT))
    assert ipv4_text(columns["saddr"]).to_list() == ["192.168.0.255"]


def test_other_tracepoints_are_left_alone():
    buffer = RingBuffer()
    buffer.write(1, struct.pack("<HBBi", 12, 0, 0, 1))
    buffer.write(2, record(3))
    events = parse_pages(buffer.bytes())
    assert events.kind.tolist() == [12, 77]
    assert gather(events, parse_format(FORMAT))["change"].tolist() == [3]


def test_lost_events_are_counted():
    buffer = RingBuffer()
    buffer.write(1, record(1))
    assert parse_pages(buffer.bytes(flags=1 << 31)).lost_pages == 1


def test_a_page_that_was_cut_off_is_left_out():
    buffer = RingBuffer()
    for now in range(1000):
        buffer.write(now, record(now))
    whole = buffer.bytes()
    cut = parse_pages(whole[:-100])
    assert 0 < cut.t_ns.size < 1000
    assert parse_pages(b"").t_ns.size == 0


def test_a_page_that_claims_too_much_is_damaged():
    buffer = RingBuffer()
    buffer.write(1, record(1))
    page = bytearray(buffer.bytes())
    struct.pack_into("<Q", page, 8, 5000)
    with pytest.raises(DataError, match="claims 5000 bytes"):
        parse_pages(bytes(page))


@given(st.binary(min_size=4080, max_size=4080), st.integers(0, 4080))
def test_noise_raises_nothing_but_data_errors(noise, length):
    try:
        events = parse_pages(struct.pack("<QQ", 1 << 40, length) + noise)
        gather(events, parse_format(FORMAT))
    except DataError:
        pass


def test_an_event_that_ends_outside_its_page():
    # a long record without a length
    events = struct.pack("<III", 2, 0, 0) + struct.pack("<II", 1, 0) * 508 + struct.pack("<I", 0)
    with pytest.raises(DataError, match="within an event"):
        parse_pages(struct.pack("<QQ", 1, 4080) + events)
