"""What ICMP errors in a capture say of its connections."""

import struct

import pytest

from tcpexp.diagnosis.describe import describe
from tcpexp.explain.anonymise import anonymise
from tcpexp.explain.tables import name_packets
from tcpexp.ingest.connections import table_of
from tcpexp.ingest.foreign import read_foreign
from tests.support import crafting as c

MS = 1_000_000
ROUTER = {"10.0.0.1": "192.0.2.9", "fd00::1": "fd00::9"}


def findings(path, kind):
    foreign = read_foreign([path])
    named = name_packets(foreign.packets)
    said = describe(named.packets, table_of(named.connections), foreign.notes).findings
    return [finding for finding in said if finding.kind == kind]


def error(talk, kind, code, word=0):
    """An ICMP error of a router about the talk's last packet, with ``word`` in its second word."""
    client = talk.ends[0]
    quoted = talk.packets[-1][1][14 : 14 + (48 if ":" in client else 28)]
    frame = bytearray(c.icmp(ROUTER[client], client, kind, code, quoted))
    at = 14 + (40 if ":" in client else 20)
    frame[at + 4 : at + 8] = struct.pack(">I", word)
    talk.now += MS
    talk.packets.append((talk.now, bytes(frame)))


@pytest.fixture(params=[False, True], ids=["plain", "anonymised"])
def capture(request, tmp_path):
    """Writes a talk as a capture, as it is or anonymised."""

    def write(talk):
        path = c.write_pcap(tmp_path / "x.pcap", talk.packets)
        return anonymise([path], tmp_path, bytes(32))[0] if request.param else path

    return write


@pytest.mark.parametrize(
    ("ends", "kind", "code"),
    [(("10.0.0.1", "10.0.0.2"), 3, 4), (("fd00::1", "fd00::2"), 2, 0)],
)
@pytest.mark.parametrize(("then", "heeds"), [(1200, True), (1400, False)])
def test_a_router_tells_the_path_mtu(capture, ends, kind, code, then, heeds) -> None:
    talk = c.Talk(client=ends[0], server=ends[1]).open()
    talk.send(0, "A", 1, 1, 1400)
    error(talk, kind, code, 1300)
    talk.send(0, "A", 1, 1, then, after_ns=MS)
    (finding,) = findings(capture(talk), "path_mtu")
    assert "may have at most 1300 bytes (packet 5)" in finding.sentence
    assert ("at most 1200 bytes afterwards" in finding.sentence) == heeds
    assert (finding.sure, finding.by, finding.connection) == ("certain", "client", 1)


def test_an_unreachable_host_is_said_of_the_connection_that_had_begun(capture) -> None:
    talk = c.Talk(port=40_123).send(0, "S")
    error(talk, 3, 1)
    error(talk, 3, 1)  # quotes the first error, which is no TCP
    again = c.Talk(port=40_123, isn=(9_000_000, 5), at_ns=talk.now + 90_000 * MS).send(0, "S")
    talk.packets += again.packets
    (finding,) = findings(capture(talk), "icmp_error")
    assert finding.packets == (2,) and finding.connection == 1
    assert "of a packet of the client: the host is unreachable" in finding.sentence


def test_an_echo_and_a_cut_quotation_say_nothing(tmp_path) -> None:
    talk = c.Talk().open()
    talk.packets.append((talk.now, c.icmp("10.0.0.1", "10.0.0.2", 8, 0, bytes(60))))
    quoted = talk.packets[-2][1][14:38]
    talk.packets.append((talk.now, c.icmp("192.0.2.9", "10.0.0.1", 3, 1, quoted)))
    assert not findings(c.write_pcap(tmp_path / "x.pcap", talk.packets), "icmp_error")
