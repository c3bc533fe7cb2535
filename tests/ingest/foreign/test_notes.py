"""What the table cannot say: losses, comments, interfaces, clocks, what is no TCP, what is cut."""

import gzip
import struct

from tcpexp.ingest.foreign import read_foreign
from tcpexp.store.frames import schema_of
from tests.support import containers as k
from tests.support import crafting as c
from tests.support.crafting import Talk

A, B = "10.0.0.1", "10.0.0.2"
T = 1_700_000_000 * 10**6


def only(path, **how):
    found = read_foreign([path], **how)
    return found, found.notes.captures[0]


def write(tmp_path, *blocks, name="x.pcapng"):
    path = tmp_path / name
    path.write_bytes(b"".join(blocks))
    return path


def segment(seq=5, **more):
    return c.tcp(A, B, (1, 2), seq, 7, "A", 10, **more)


def test_comments_losses_and_the_program(tmp_path):
    statistics = struct.pack("<III", 0, 0, 0) + k.option(5, struct.pack("<Q", 3))
    statistics += k.option(7, struct.pack("<Q", 4))
    path = write(
        tmp_path,
        k.section(options=k.option(1, b"for the lesson") + k.option(4, b"Dumpcap")),
        k.interface(snaplen=96, options=k.option(2, b"eth7")),
        k.packet(T, segment()),
        k.packet(T + 5, segment(), options=k.option(1, b"here it starts")),
        k.block(k.ISB, statistics),
        k.block(0xBAD, b"\0\0\0\0"),
    )
    found, notes = only(path)
    assert [(one.number, one.text) for one in notes.comments] == [
        (None, "for the lesson"),
        (2, "here it starts"),
    ]
    assert (notes.dropped, notes.application) == (7, "Dumpcap")
    assert (notes.interfaces[0].name, notes.interfaces[0].snaplen) == ("eth7", 96)
    assert notes.odd == {"custom blocks": 1}
    assert found.packets["t_ns"].to_list() == [0, 5000]


def test_the_clock_of_an_interface(tmp_path):
    cases = {
        b"\x09": (10**9, 0),
        b"\x03": (10**3, 0),
        b"\x8a": (2**10, 0),
        b"\x0c": (10**12, 0),
    }
    for resolution, (units, _) in cases.items():
        offset = k.option(14, struct.pack("<q", 100))
        path = write(
            tmp_path,
            k.section(),
            k.interface(options=k.option(9, resolution) + offset),
            k.packet(1000 * units, segment()),
            k.packet(1000 * units + units // 2, segment()),
        )
        found, _ = only(path)
        assert found.epoch_ns == 1100 * 10**9
        assert found.packets["t_ns"].to_list() == [0, 500_000_000]


def test_sections_of_both_orders_and_packets_without_time(tmp_path):
    frame = segment()
    simple = k.block(k.SPB, struct.pack("<I", len(frame)) + frame + bytes(-len(frame) % 4))
    path = write(
        tmp_path,
        k.section(),
        k.interface(),
        k.packet(T, frame),
        simple,
        k.section(">"),
        k.interface(link=101, order=">"),
        k.packet(T + 7, frame[14:], order=">"),
    )
    found, notes = only(path)
    assert found.packets["seq"].to_list() == [5, 5, 5]
    assert found.packets["t_ns"].to_list() == [0, 0, 7000]
    assert [one.link for one in notes.interfaces] == ["Ethernet", "raw IP"]
    assert notes.odd == {"packets without a time: they have that of the one before": 1}


def test_interfaces_that_show_the_same_packets_are_captures_of_their_own(tmp_path):
    talk = Talk().open()
    for at in range(4):
        talk.send(0, "A", 1 + 100 * at, 1, 100, ip_id=at)
    blocks = [
        k.section(),
        k.interface(options=k.option(2, b"in")),
        k.interface(options=k.option(2, b"out")),
    ]
    for t_ns, frame in talk.packets:
        blocks += [k.packet(t_ns // 1000, frame), k.packet(t_ns // 1000 + 1, frame, interface_id=1)]
    found, notes = only(write(tmp_path, *blocks))
    assert notes.captures == ("x/in", "x/out")
    assert found.packets["capture"].unique().sort().to_list() == ["x/in", "x/out"]
    assert found.packets.filter(capture="x/out")["number"].to_list() == list(range(2, 15, 2))
    assert "retransmission" not in found.packets["labels"].explode().to_list()


def test_a_tap_with_an_interface_for_each_direction_is_one_capture(tmp_path):
    talk = Talk().open()
    talk.send(0, "A", 1, 1, 100).send(1, "A", 1, 101)
    blocks = [k.section(), k.interface(), k.interface()]
    for t_ns, frame in talk.packets:
        side = int(frame[26:30] == bytes([10, 0, 0, 2]))
        blocks.append(k.packet(t_ns // 1000, frame, interface_id=side))
    found, notes = only(write(tmp_path, *blocks))
    assert notes.captures == ("x",)
    assert found.packets["rtt_ns"].drop_nulls().len() == 3


def test_every_packet_is_counted_by_what_it_is(tmp_path):
    frames = [
        segment(),
        c.udp(A, B, (5000, 53), 20),
        c.udp(A, B, (5000, 6000), 20),
        c.arp(A, B),
        c.icmp(A, B, 8, 0, b""),
        c.MAC + b"\x88\xcc" + bytes(40),
        c.MAC + struct.pack(">H", 38) + b"\x42\x42\x03" + bytes(43),
        c.frame(A, B, 132, bytes(20)),
        c.MAC + b"\x08\x00" + b"\x45\0\0",
        c.frame(A, B, 6, bytes(20)),
    ]
    path = c.write_pcap(tmp_path / "x.pcap", [(10**18, frame) for frame in frames])
    found, notes = only(path)
    assert notes.protocols == {
        "unreadable": 2,
        "TCP": 1,
        "UDP port 53 (DNS)": 1,
        "UDP": 1,
        "ARP": 1,
        "ICMP": 1,
        "LLDP": 1,
        "spanning tree (STP)": 1,
        "SCTP": 1,
    }
    assert [(one.number, one.text) for one in notes.problems] == [
        (9, "too short for IPv4 header"),
        (10, "a TCP header whose length cannot be right"),
    ]
    assert (found.packets.height, notes.other_packets) == (10, 9)


def test_clock_steps_and_cut_packets(tmp_path):
    times = [10**18, 10**18 + 500, 10**18 - 2000, 10**18 + 900]
    tail = c.options(mss=1460, sack_ok=True, wscale=7)
    packets = [(t_ns, c.tcp(A, B, (1, 2), 5, 0, "S", 0, tail=tail)) for t_ns in times]
    found, notes = only(c.write_pcap(tmp_path / "x.pcap", packets, snaplen=58))
    assert (notes.steps_back, notes.steps[0].number, notes.steps[0].by_ns) == (1, 3, 2500)
    assert (notes.cut_packets, notes.cut_headers) == (4, 4)
    row = found.packets.row(0, named=True)
    assert (row["mss"], row["wscale"], row["sack_permitted"]) == (1460, None, None)
    assert row["options_cut"]


def test_checksums_left_to_the_card_are_told_from_wrong_ones(tmp_path):
    whole = segment()
    size = len(whole) - 34
    left = c.internet_checksum(c.pseudo(A, B, 6, size)) ^ 0xFFFF
    offloaded = whole[:50] + struct.pack(">H", left) + whole[52:]
    packets = [(10**18, frame) for frame in (whole, offloaded, segment(wrong=1))]
    found, notes = only(c.write_pcap(tmp_path / "x.pcap", packets))
    assert notes.checksums == {"right": 1, "wrong": 1, "left to the network card": 1}
    assert found.packets["checksum_bad"].to_list() == [False, False, True]


def test_windows_whose_scale_nobody_knows_are_null_unless_they_are_zero(tmp_path):
    packets = [(10**18, segment()), (10**18 + 1, segment(window=0))]
    found, _ = only(c.write_pcap(tmp_path / "x.pcap", packets))
    assert found.packets["window"].to_list() == [1000, 0]
    assert found.packets["window_bytes"].to_list() == [None, 0]


def test_a_syn_ack_tells_the_scale_of_its_end_alone(tmp_path):
    talk = Talk()
    talk.send(1, "SA", 0, 1, tail=c.options(mss=1460, wscale=4))
    talk.send(0, "A", 1, 1).send(1, "A", 1, 1)
    found, _ = only(c.write_pcap(tmp_path / "x.pcap", talk.packets))
    assert found.packets["window_bytes"].to_list() == [1000, None, 16000]


def test_several_files_count_from_the_first_packet_of_all(tmp_path):
    first = c.write_pcap(tmp_path / "b.pcap", [(10**18 + 50, segment())])
    (tmp_path / "sub").mkdir()
    second = tmp_path / "sub" / "b.pcap.gz"
    second.write_bytes(
        gzip.compress(c.write_pcap(tmp_path / "y", [(10**18, segment())]).read_bytes())
    )
    found = read_foreign([first, second])
    assert found.packets["capture"].to_list() == ["b.pcap", "b.pcap.gz"]
    assert found.packets["t_ns"].to_list() == [50, 0]
    assert found.notes.of("b.pcap.gz").format.endswith("gzip")


def test_a_packet_of_an_interface_that_nobody_described_ends_reading(tmp_path):
    first = k.section() + k.interface() + k.packet(T, segment())
    path = write(tmp_path, first, k.packet(T, segment(), interface_id=1))
    found, notes = only(path)
    assert found.packets.height == 1
    assert f"the block at byte {len(first):,} contradicts itself" in notes.damage


def test_a_capture_without_packets_is_an_empty_table(tmp_path):
    found, notes = only(c.write_pcap(tmp_path / "x.pcap", []))
    assert dict(found.packets.schema) == schema_of("packets")
    assert (found.packets.height, found.epoch_ns, notes.captures) == (0, 0, ("x",))


def test_a_wrong_record_ends_reading_with_its_place(tmp_path):
    path = c.write_pcap(tmp_path / "x.pcap", [(10**18, segment()), (10**18 + 1, segment())])
    data = bytearray(path.read_bytes())
    second = 24 + 16 + len(segment())
    data[second + 8 : second + 12] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    found, notes = only(path)
    assert found.packets.height == 1
    assert f"the record at byte {second:,}" in notes.damage
