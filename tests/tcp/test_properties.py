"""Properties: whatever the network does to segments, the stream arrives whole; numbers wrap.

Bytes that are no segment are refused and nothing else.
"""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tcpexp.tcp import (
    Config,
    Options,
    Segment,
    SegmentError,
    decode_segment,
    encode_segment,
    fixed_isn,
)
from tcpexp.tcp.adapters.ip import PacketError, decode_icmp, decode_packet, encode_packet
from tcpexp.tcp.core.congestion.builtin import CONTROLS
from tcpexp.tcp.core.isn import IsnSource
from tcpexp.tcp.core.receivebuffer import ReceiveBuffer
from tcpexp.tcp.core.seqnum import MASK, distance, extend, precedes, to_wire
from tcpexp.tcp.simulator.apps import Sender, Sink, pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import Simulation
from tests.support.recorded_segments import recorded

WIRE = st.integers(0, MASK)
ADDRESSES = [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")]


@given(WIRE, st.integers(0, 1 << 40))
def test_extend_gives_the_nearest_number(wire: int, near: int) -> None:
    number = extend(wire, near)
    assert to_wire(number) == wire
    assert -(1 << 31) <= number - near < 1 << 31


@given(st.integers(0, 1 << 40), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_wire_comparison_is_that_of_unbounded_numbers(left: int, gap: int) -> None:
    right = left + gap
    assert precedes(to_wire(left), to_wire(right)) == (left < right)
    assert distance(to_wire(left), to_wire(right)) == gap


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    control=st.sampled_from(sorted(CONTROLS)),
    sack=st.booleans(),
    timestamps=st.booleans(),
    nagle=st.booleans(),
    delayed_ack=st.booleans(),
    limited=st.booleans(),
    ecn=st.sampled_from(["off", "request", "accurate"]),
    newer=st.sets(st.sampled_from(["rack", "prr", "dsack", "frto"])),
    probe=st.booleans(),
    mss=st.integers(50, 3000),
    octets=st.integers(0, 40_000),
    receive_buffer=st.integers(500, 100_000),
    send_buffer=st.integers(1, 100_000),
    isn=WIRE | st.integers(MASK - 40_000, MASK),
    loss=st.floats(0, 0.25),
    reorder=st.floats(0, 0.5),
    duplicate=st.floats(0, 0.5),
    seed=st.integers(0, 1 << 30),
)
def test_any_order_loss_and_duplication_delivers_the_exact_stream(
    control: str,
    sack: bool,
    timestamps: bool,
    nagle: bool,
    delayed_ack: bool,
    limited: bool,
    ecn: str,
    newer: set[str],
    probe: bool,
    mss: int,
    octets: int,
    receive_buffer: int,
    send_buffer: int,
    isn: int,
    loss: float,
    reorder: float,
    duplicate: float,
    seed: int,
) -> None:
    config = Config(
        congestion_control=control,
        sack=sack,
        timestamps=timestamps,
        nagle=nagle,
        delayed_ack=delayed_ack,
        limited_transmit=limited,
        ecn=ecn,
        tail_loss_probe=probe and "rack" in newer,
        **dict.fromkeys(newer, True),  # type: ignore[arg-type]
        mss=mss,
        receive_buffer=receive_buffer,
        send_buffer=send_buffer,
        r2_ns=1 << 50,
        r2_syn_ns=1 << 50,
        rto_max_ns=2 * 10**9,
        trace=False,
    )
    sink = Sink()
    link = LinkConfig(
        loss=loss,
        reorder=reorder,
        duplicate=duplicate,
        seed=seed,
        rate_bps=50_000_000,
        queue_segments=30,
        mark_queue=10,
    )
    back = LinkConfig(loss=loss, reorder=reorder, duplicate=duplicate, seed=seed + 1)
    simulation = Simulation(
        Sender(pattern(octets)),
        sink,
        config=config,
        forth=link,
        back=back,
        client_isn=fixed_isn(isn),
        server_isn=fixed_isn((isn * 7) & MASK),
        wire=True,
    )
    simulation.start()
    simulation.run(until_ns=10**14)
    assert bytes(sink.received) == pattern(octets)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=60), st.randoms())
def test_reassembly_is_that_of_a_plain_array(
    pieces: list[tuple[int, int]], _: random.Random
) -> None:
    stream = bytes(n % 251 for n in range(400))
    buffer, rcv_nxt, have = ReceiveBuffer(1000), 0, [False] * 400
    for seq, length in pieces:
        if seq + length > rcv_nxt:
            rcv_nxt = buffer.store(seq, stream[seq : seq + length], rcv_nxt)
        have[seq : seq + length] = [True] * length
        prefix = have.index(False)
        assert rcv_nxt == prefix
        assert bytes(buffer.readable) == stream[:prefix]
        covered = sorted(
            place for left, right in buffer.sack_blocks(99) for place in range(left, right)
        )
        assert covered == [place for place in range(prefix, 400) if have[place]]


OPTIONS = st.builds(
    Options,
    mss=st.none() | st.integers(0, 65535),
    window_scale=st.none() | st.integers(0, 14),
    sack_permitted=st.booleans(),
    sack=st.lists(st.tuples(WIRE, WIRE), max_size=1).map(tuple),
    timestamps=st.none() | st.tuples(WIRE, WIRE),
)
OPTIONS |= st.builds(
    Options,
    timestamps=st.none() | st.tuples(WIRE, WIRE),
    accecn=st.none() | st.lists(st.integers(0, (1 << 24) - 1), max_size=3).map(tuple),
    fast_open=st.none() | st.sampled_from([b"", b"four", b"eight888"]),
)
SEGMENTS = st.builds(
    Segment,
    st.integers(0, 65535),
    st.integers(0, 65535),
    WIRE,
    WIRE,
    st.integers(0, 511),
    st.integers(0, 65535),
    st.binary(max_size=200),
    OPTIONS,
    st.integers(0, 65535),
)


@given(SEGMENTS, st.sampled_from(ADDRESSES))
def test_decoding_undoes_encoding(segment: Segment, ends: tuple[str, str]) -> None:
    assert decode_segment(encode_segment(segment, *ends), *ends) == segment


@settings(deadline=None)  # how long one takes depends on what else the machine does
@given(SEGMENTS, st.sampled_from(ADDRESSES), st.data())
def test_one_changed_bit_is_noticed(
    segment: Segment, ends: tuple[str, str], data: st.DataObject
) -> None:
    octets = bytearray(encode_segment(segment, *ends))
    bit = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SegmentError):
        decode_segment(bytes(octets), *ends)


def damaged(source: random.Random, data: bytes, first: int) -> bytes:
    """Change up to three bytes from ``first`` on, insert or remove some, or cut the end off."""
    octets = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        octets[source.randrange(min(first, len(octets) - 1), len(octets))] = source.randrange(256)
    kind = source.randrange(4)
    if kind == 0:
        del octets[source.randrange(len(octets)) :]
    elif kind == 1:
        at = source.randrange(len(octets))
        octets[at:at] = source.randbytes(source.randrange(1, 5))
    return bytes(octets)


def test_a_hundred_thousand_inputs_raise_nothing_but_segment_errors() -> None:
    """A third random bytes, a third segments of Linux and a third of our own with every option,
    both damaged where header and options are.
    """
    source = random.Random(1)
    linux = [data for data, _, _ in recorded()]
    own = [
        encode_segment(
            Segment(1, 2, 3, 4, 2, 6, b"x" * 5, Options(1460, 7, True, (), (1, 2))), *ADDRESSES[0]
        ),
        encode_segment(
            Segment(
                1, 2, 3, 4, 16, 6, b"", Options(sack=((1, 2), (3, 4), (5, 6)), timestamps=(8, 9))
            ),
            *ADDRESSES[0],
        ),
    ]
    decoded = refused = with_options = 0
    for turn in range(100_000):
        data = (
            source.randbytes(source.randrange(0, 90))
            if turn % 3 == 0
            else damaged(source, source.choice(linux if turn % 3 == 1 else own), 12)
        )
        try:
            segment = decode_segment(data)
        except SegmentError as error:
            assert str(error)
            refused += 1
        else:
            assert 0 <= segment.length <= len(data)
            assert len(segment.payload) <= len(data) - 20
            decoded += 1
            with_options += segment.options != Options()
    assert min(decoded, refused, with_options) > 10_000


def test_a_hundred_thousand_packets_raise_nothing_but_packet_and_segment_errors() -> None:
    """As a TUN device may hand them over: IPv4, IPv6, ICMP errors that quote a segment,
    and noise.
    """
    source = random.Random(2)
    segment = encode_segment(
        Segment(80, 50000, 3, 4, 24, 6, b"hello", Options(timestamps=(8, 9))), *ADDRESSES[0]
    )
    quoted = encode_packet("10.0.0.1", "10.0.0.2", segment)[:28]
    good = [
        encode_packet("10.0.0.2", "10.0.0.1", segment),
        encode_packet("2001:db8::2", "2001:db8::1", segment),
        encode_packet("10.0.0.9", "10.0.0.1", b"\x03\x01\x00\x00\x00\x00\x00\x00" + quoted)[:9]
        + b"\x01"
        + bytes(10)
        + quoted,
    ]
    taken = refused = 0
    for turn in range(100_000):
        data = (
            source.randbytes(source.randrange(0, 120))
            if turn % 3 == 0
            else damaged(source, source.choice(good), 0)
        )
        try:
            packet = decode_packet(data)
            decode_icmp(packet, "10.0.0.1")
            decode_segment(packet.payload, packet.source, packet.destination)
            taken += 1
        except (PacketError, SegmentError) as error:
            assert str(error)
            refused += 1
    assert refused > 50_000
    assert taken + refused == 100_000


@pytest.mark.parametrize("control", sorted(CONTROLS))
@pytest.mark.parametrize("sack", [True, False])
def test_the_wrap_may_fall_on_any_octet_of_a_damaged_stream(control: str, sack: bool) -> None:
    """Both streams begin shortly before 2**32.

    Whatever is lost, late or twice around the wrap, each octet arrives once.
    """
    source = random.Random(3)
    for turn in range(25):
        octets = source.randrange(1, 12_000)
        # the SYN counts one
        before, behind = source.randrange(0, octets + 2), source.randrange(0, 3)
        mss = source.randrange(90, 700)
        config = Config(
            congestion_control=control,
            sack=sack,
            mss=mss,
            r2_ns=1 << 50,
            r2_syn_ns=1 << 50,
            rto_max_ns=2 * 10**9,
            trace=False,
        )
        link = LinkConfig(loss=0.1, reorder=0.1, duplicate=0.1, seed=turn, rate_bps=50_000_000)
        isns = {"client_isn": fixed_isn(MASK - before), "server_isn": fixed_isn(MASK - behind)}
        simulation, sink = simulate(octets, config, link, **isns)
        assert bytes(sink.received) == pattern(octets), (turn, before)
        assert simulation.hosts[0].connection.tcb.snd_nxt > MASK, "the numbers did wrap"


def simulate(
    octets: int, config: Config, link: LinkConfig, **isns: IsnSource
) -> tuple[Simulation, Sink]:
    sink = Sink()
    back = dataclasses.replace(link, seed=link.seed + 1000, rate_bps=None)
    simulation = Simulation(
        Sender(pattern(octets)), sink, config=config, forth=link, back=back, wire=True, **isns
    )
    simulation.start()
    simulation.run(until_ns=10**14)
    return simulation, sink


@settings(max_examples=200, deadline=None)
@given(st.lists(SEGMENTS, max_size=30), st.integers(0, 3))
def test_no_sequence_of_segments_raises(segments: list[Segment], kind: int) -> None:
    """Hostile peers cause events, never exceptions.

    Numbers near the expected ones make it past the first checks.
    """
    simulation = Simulation(
        Sender(pattern(5000)), Sink(), client_isn=fixed_isn(1000), server_isn=fixed_isn(5000)
    )
    simulation.start()
    simulation.run(until_ns=[0, 15, 25, 45][kind] * 1_000_000)
    victim = simulation.hosts[0].connection
    for number, segment in enumerate(segments):
        near = Segment(
            5201,
            40000,
            (5001 + segment.seq % 3) & MASK,
            (1000 + segment.ack % 6000) & MASK,
            segment.flags,
            segment.window,
            segment.payload,
            segment.options,
            segment.urgent,
        )
        for one in (segment, near):
            victim.receive(one, simulation.now + number)
            victim.segments_to_send(simulation.now + number)
            if (at := victim.next_timer()) is not None and number % 5 == 0:
                victim.handle_timer(max(at, simulation.now + number))
        assert victim.tcb.snd_una <= victim.tcb.snd_nxt
        assert victim.tcb.out.pipe >= 0
