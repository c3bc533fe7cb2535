"""TCP Fast Open: data on the SYN, by cookie."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tcpexp.tcp import Connection, Endpoint, Options, Segment, State
from tcpexp.tcp.core.events import DataArrived, Established
from tcpexp.tcp.core.fastopen import make_cookie
from tcpexp.tcp.core.listener import Listener
from tcpexp.tcp.core.options import decode_options, encode_options
from tcpexp.tcp.core.segment import ACK, RST, SYN
from tcpexp.tcp.core.stack import Outgoing, Stack
from tests.support.tcp_stacks import CLIENT, OTHER_KEY, SERVER, drain, exchange, make

SECOND = 1_000_000_000
HELLO = b"GET / HTTP/1.0\n"


def pair(**settings: object) -> tuple[Stack, Stack, Listener]:
    """A server that listens on port 80, a client that has its cookie, and the listener."""
    server, client = make(SERVER, fast_open=True, **settings), make(CLIENT, fast_open=True)
    listener = server.listen(80)
    first = client.connect(Endpoint(SERVER, 80), 0)
    exchange(server, client)
    assert listener.accept() is not None
    assert client.cookies[SERVER] == (make_cookie(OTHER_KEY, CLIENT), 1460)
    assert first.state is State.ESTABLISHED
    drain(server), drain(client)
    return server, client, listener


def send(source: Stack, target: Stack, now: int) -> list[Outgoing]:
    """Carry what ``source`` has to send."""
    out = source.segments_to_send(now)
    for one in out:
        target.receive(one.segment, one.local.address, now)
    return out


def test_the_first_connection_asks_for_a_cookie_and_sends_nothing_early() -> None:
    server, client = make(SERVER, fast_open=True), make(CLIENT, fast_open=True)
    server.listen(80)
    client.connect(Endpoint(SERVER, 80), 0, data=HELLO)
    syn, answer, *_ = [one.segment for one in exchange(server, client)]
    assert (syn.flags, syn.payload, syn.options.fast_open) == (SYN, b"", b"")
    assert answer.options.fast_open == make_cookie(OTHER_KEY, CLIENT)


def test_the_second_is_answered_before_the_handshake_is_over() -> None:
    server, client, listener = pair()
    client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    (syn,) = send(client, server, 1)
    assert (syn.segment.flags, syn.segment.payload) == (SYN, HELLO)
    accepted = listener.accept()
    assert accepted is not None
    assert accepted.state is State.SYN_RECEIVED
    assert [type(event) for _, event in drain(server)].count(DataArrived) == 1
    assert accepted.read(99, 1) == HELLO
    accepted.send(b"200 OK", 1)
    answer, data = send(server, client, 1)
    assert answer.segment.flags == SYN | ACK
    assert answer.segment.ack == syn.segment.seq + 1 + len(HELLO)
    assert answer.segment.options.fast_open is None  # the cookie was right: none is handed out
    assert data.segment.payload == b"200 OK"
    exchange(client, server, now=2)
    assert accepted.state is State.ESTABLISHED
    assert Established in [type(event) for _, event in drain(server)]
    assert listener.accept() is None, "it is accepted once"
    connection = next(iter(client.connections.values()), None)
    assert isinstance(connection, Connection)


def test_a_wrong_cookie_is_replaced_and_the_data_come_again() -> None:
    server, client, listener = pair()
    client.cookies[SERVER] = (b"mistaken", 1460)
    client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    (syn,) = send(client, server, 1)
    assert syn.segment.payload == HELLO
    assert listener.accept() is None
    (answer,) = send(server, client, 1)
    assert answer.segment.ack == syn.segment.seq + 1
    exchange(client, server, now=1)
    accepted = listener.accept()
    assert accepted is not None
    assert accepted.read(99, 1) == HELLO
    assert client.cookies[SERVER][0] == make_cookie(OTHER_KEY, CLIENT)


def test_data_that_were_not_taken_carry_the_handshakes_acknowledgment() -> None:
    """RFC 9293 section 3.10.7.3: what is queued goes with the ACK; a pure one would be waste."""
    server, client, _ = pair()
    client.cookies[SERVER] = (b"mistaken", 1460)
    client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    send(client, server, 1)
    send(server, client, 1)
    (only,) = client.segments_to_send(1)
    assert only.segment.payload == HELLO


def test_a_server_that_takes_no_data_is_left_alone_for_a_while() -> None:
    """RFC 7413 section 4.1.3.1: negative responses are cached."""
    server, client, listener = pair()
    listener.config = replace(listener.config, fast_open=False)

    def syn_at(now: int) -> Segment:
        client.connect(Endpoint(SERVER, 80), now, data=HELLO)
        (syn,) = send(client, server, now)
        exchange(server, client, now=now)
        return syn.segment

    assert syn_at(1).payload == HELLO
    assert syn_at(2).options.fast_open is None
    later = syn_at(2 + 900 * SECOND)
    assert (later.options.fast_open, later.payload) == (b"", b"")  # it asks for a cookie anew


@pytest.mark.parametrize(("again", "offered"), [(True, b""), (False, None)])
def test_a_server_that_gives_no_cookie_can_be_asked_again(
    again: bool, offered: bytes | None
) -> None:
    server, client = make(SERVER), make(CLIENT, fast_open=True, fast_open_asks_again=again)
    server.listen(80)
    client.connect(Endpoint(SERVER, 80), 0)
    exchange(server, client)
    client.connect(Endpoint(SERVER, 80), 1)
    (syn,) = client.segments_to_send(1)
    assert syn.segment.options.fast_open == offered


def test_the_largest_cookie_fits_beside_all_other_options() -> None:
    """RFC 7413 section 4.1.1: 16 octets; what says that SACK is permitted takes padding's place."""
    client = make(CLIENT, fast_open=True)
    cookie = bytes(range(16))
    client.cookies[SERVER] = (cookie, 1460)
    client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    (syn,) = client.segments_to_send(1)
    octets = encode_options(syn.segment.options)
    assert len(octets) <= 40
    assert decode_options(octets) == syn.segment.options
    assert syn.segment.options.fast_open == cookie
    assert syn.segment.options.sack_permitted


def test_a_system_may_leave_room_for_more_options() -> None:
    client = make(CLIENT, fast_open=True, fast_open_option_space=40)
    client.cookies[SERVER] = (bytes(8), 1000)
    client.connect(Endpoint(SERVER, 80), 1, data=bytes(2000))
    (syn,) = client.segments_to_send(1)
    assert len(syn.segment.payload) == 960


def test_a_lost_syn_goes_again_alone() -> None:
    server, client, listener = pair()
    client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    client.segments_to_send(1)  # lost
    client.handle_timer(2 * SECOND)
    (syn,) = send(client, server, 2 * SECOND)
    assert (syn.segment.payload, syn.segment.options.fast_open) == (b"", None)
    exchange(client, server, now=2 * SECOND)
    accepted = listener.accept()
    assert accepted is not None
    assert accepted.read(99, 2 * SECOND) == HELLO


def test_too_many_at_once_wait_for_their_handshake() -> None:
    """A flood with a stolen cookie: RFC 7413 section 5.1."""
    server, client, listener = pair(fast_open_queue=1)
    for _ in range(2):
        client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    send(client, server, 1)
    assert listener.accept() is not None
    assert listener.accept() is None
    exchange(client, server, now=1)
    second = listener.accept()
    assert second is not None
    assert second.read(99, 1) == HELLO


def test_no_more_goes_with_the_syn_than_a_segment() -> None:
    server, client, listener = pair()
    connection = client.connect(Endpoint(SERVER, 80), 1, data=bytes(5000))
    (syn,) = send(client, server, 1)
    options = 20 + 12 + 4  # MSS, window scale, SACK permitted, timestamps; cookie; padding
    assert 1460 - 40 <= len(syn.segment.payload) <= 1460 - options + 4
    exchange(client, server, now=1)
    accepted = listener.accept()
    assert accepted is not None
    assert len(accepted.read(9999, 1)) == 5000
    assert connection.state is State.ESTABLISHED


def test_without_the_setting_a_cookie_means_nothing() -> None:
    server = make(SERVER)
    listener = server.listen(80)
    cookie = make_cookie(OTHER_KEY, CLIENT)
    syn = Segment(50000, 80, 7, 0, SYN, 1000, HELLO, Options(mss=1460, fast_open=cookie))
    server.receive(syn, CLIENT, 0)
    (answer,) = server.segments_to_send(0)
    assert answer.segment.ack == 8
    assert answer.segment.options.fast_open is None
    assert listener.accept() is None


def test_a_cookie_is_one_address_and_one_key() -> None:
    assert make_cookie(OTHER_KEY, CLIENT) != make_cookie(OTHER_KEY, "10.0.0.3")
    assert make_cookie(OTHER_KEY, CLIENT) != make_cookie(b"another key 1234", CLIENT)
    assert len(make_cookie(OTHER_KEY, CLIENT)) == 8


def test_a_simultaneous_open_hands_out_no_cookie() -> None:
    client = make(CLIENT, fast_open=True)
    connection = client.connect(Endpoint(SERVER, 80), 0)
    (syn,) = client.segments_to_send(0)
    assert syn.segment.options.fast_open == b""
    client.receive(Segment(80, connection.tcb.local.port, 7, 0, SYN, 1000), SERVER, 0)
    (answer,) = client.segments_to_send(0)
    assert answer.segment.flags == SYN | ACK
    assert answer.segment.options.fast_open is None


def test_the_option_from_before_it_had_a_kind_is_answered_in_kind() -> None:
    """RFC 7413 section 7: kind 254, told from other experiments by F989."""
    asks = Options(mss=1460, fast_open=b"", fast_open_old=True)
    assert encode_options(asks)[4:8] == bytes((254, 4, 0xF9, 0x89))
    assert decode_options(encode_options(asks)) == asks
    assert decode_options(bytes((254, 4, 0xF9, 0x8A))).fast_open is None
    server = make(SERVER, fast_open=True)
    server.listen(80)
    server.receive(Segment(50000, 80, 7, 0, SYN, 1000, b"", asks), CLIENT, 0)
    (answer,) = server.segments_to_send(0)
    assert answer.segment.options.fast_open == make_cookie(OTHER_KEY, CLIENT)
    assert answer.segment.options.fast_open_old


def test_a_server_may_do_without_cookies() -> None:
    server = make(SERVER, fast_open=True, fast_open_without_cookie=True)
    listener = server.listen(80)
    server.receive(Segment(50000, 80, 7, 0, SYN, 1000, HELLO, Options(mss=1460)), CLIENT, 0)
    (answer,) = server.segments_to_send(0)
    assert answer.segment.ack == 8 + len(HELLO)
    accepted = listener.accept()
    assert accepted is not None
    assert accepted.read(99, 0) == HELLO


def test_the_mss_of_each_answer_is_kept_for_the_next_syn() -> None:
    """RFC 7413 section 4.1.3: also where no new cookie comes with it."""
    _, client, _ = pair()
    known = client.cookies[SERVER][0]
    second = client.connect(Endpoint(SERVER, 80), SECOND, data=b"x")
    (syn,) = client.segments_to_send(SECOND)
    answer = Segment(
        80, syn.local.port, 500, syn.segment.seq + 2 & 0xFFFFFFFF, SYN | ACK, 9000,
        options=Options(mss=900),
    )  # fmt: skip
    client.receive(answer, SERVER, SECOND)
    assert second.state is State.ESTABLISHED
    assert client.cookies[SERVER] == (known, 900)
    client.segments_to_send(SECOND)
    client.connect(Endpoint(SERVER, 80), 2 * SECOND, data=bytes(2000))
    (syn,) = client.segments_to_send(2 * SECOND)
    assert 800 < len(syn.segment.payload) < 900  # less the options


def test_data_on_the_syn_keep_to_the_mss_of_this_end() -> None:
    _, client, _ = pair()
    client.connect(
        Endpoint(SERVER, 80), 1, data=bytes(2000), config=replace(client.config, mss=500)
    )
    (syn,) = client.segments_to_send(1)
    assert 400 < len(syn.segment.payload) < 500


def test_the_syn_ack_takes_no_room_from_the_first_flight() -> None:
    """Ten full segments of cwnd and window are ten, though the SYN,ACK is not acknowledged yet."""
    server, client, listener = pair(initial_window_segments=10)
    client.connect(Endpoint(SERVER, 80), 1, data=HELLO)
    (syn,) = client.segments_to_send(1)
    syn.segment.window = 14_600
    server.receive(syn.segment, CLIENT, 1)
    accepted = listener.accept()
    assert accepted is not None
    server.segments_to_send(1)
    mss = accepted.tcb.eff_snd_mss
    accepted.send(bytes(20 * mss), 2)
    sent = [len(one.segment.payload) for one in server.segments_to_send(2)]
    assert sent == [mss] * (14_600 // mss)


@pytest.mark.parametrize(("echo", "opens"), [(0, True), (5, True), (7, False), (4, False)])
def test_a_syn_ack_that_echoes_another_time_is_refused_if_so_set(echo: int, opens: bool) -> None:
    """Linux; no RFC asks for it."""
    client = make(CLIENT, syn_ack_echo=True)
    connection = client.connect(Endpoint(SERVER, 80), 5_000_000)
    (syn,) = client.segments_to_send(5_000_000)
    answer = Segment(
        80, syn.local.port, 500, syn.segment.seq + 1 & 0xFFFFFFFF, SYN | ACK, 9000,
        options=Options(mss=900, timestamps=(77, echo)),
    )  # fmt: skip
    client.receive(answer, SERVER, 6_000_000)
    assert connection.state is (State.ESTABLISHED if opens else State.SYN_SENT)
    assert bool(client.segments_to_send(6_000_000)[0].segment.flags & RST) is not opens


def partly_taken(mss: int, taken: int = 101) -> tuple[Stack, list[int]]:
    """A client whose data on the SYN a SYN,ACK acknowledges in part, with an MSS of now; and how
    long the segments of the rest are.
    """
    _, client, _ = pair()
    client.connect(Endpoint(SERVER, 80), SECOND, data=bytes(4000))
    (syn,) = client.segments_to_send(SECOND)
    assert len(syn.segment.payload) > 1400
    answer = Segment(
        80, syn.local.port, 500, syn.segment.seq + taken & 0xFFFFFFFF, SYN | ACK, 65_000,
        options=Options(mss=mss),
    )  # fmt: skip
    client.receive(answer, SERVER, SECOND)
    sent = [one.segment for one in client.segments_to_send(SECOND)]
    edges = [(one.seq - syn.segment.seq, len(one.payload)) for one in sent]
    assert edges[0][0] == taken
    assert all(left + length == right for (left, length), (right, _) in itertools.pairwise(edges))
    return client, [len(one.payload) for one in sent]


def test_what_goes_again_of_a_syns_data_is_cut_to_the_mss_of_now() -> None:
    """RFC 9293 section 3.7.1: the SYN's own data were as long as the MSS of last time."""
    client, lengths = partly_taken(mss=600)
    assert max(lengths) == 600
    assert len(lengths) > 2
    connection = next(iter(client.connections.values()))
    out = connection.tcb.out
    assert out.in_queue == sum(len(sent.payload) for sent in out.queue) == out.pipe
    assert out.lost_segments == 0


def test_a_server_that_takes_a_part_of_the_data_has_not_refused() -> None:
    """RFC 7413 section 4.1.3.1 speaks of one that acknowledges the SYN alone."""
    client, _ = partly_taken(mss=1460)
    assert (SERVER in client.cookies, client.refused) == (True, {})
    client, _ = partly_taken(mss=1460, taken=1)
    assert (SERVER in client.cookies, list(client.refused)) == (False, [SERVER])


def test_a_lost_syns_data_are_cut_as_well() -> None:
    _, client, _ = pair()
    connection = client.connect(Endpoint(SERVER, 80), SECOND, data=bytes(1000))
    (syn,) = client.segments_to_send(SECOND)
    client.handle_timer(2 * SECOND)
    client.segments_to_send(2 * SECOND)
    answer = Segment(
        80, syn.local.port, 500, syn.segment.seq + 1 & 0xFFFFFFFF, SYN | ACK, 65_000,
        options=Options(mss=400),
    )  # fmt: skip
    client.receive(answer, SERVER, 2 * SECOND)
    assert [len(sent.payload) for sent in connection.tcb.out.queue] == [400, 400, 200]
    (first,) = client.segments_to_send(2 * SECOND)  # one: the SYN had to be repeated
    assert len(first.segment.payload) == 400
    assert connection.tcb.out.lost_segments == 2
    assert connection.tcb.out.pipe == 400


@pytest.mark.parametrize("in_sequence", [False, True])
def test_the_syn_ack_is_not_the_segment_that_rack_measures(in_sequence: bool) -> None:
    """The acknowledgment that ends the handshake SACKs data that left later: their round trip
    counts, and what is missing before them is found lost at once. RFC 8985 section 6.2.
    """
    server, client, listener = pair(
        sack=True, rack=True, rack_in_sequence=in_sequence, initial_window_segments=10
    )
    client.connect(Endpoint(SERVER, 80), SECOND, data=HELLO)
    (syn,) = send(client, server, SECOND)
    accepted = listener.accept()
    assert accepted is not None
    server.segments_to_send(SECOND)
    later = SECOND + 50_000_000
    mss = accepted.tcb.eff_snd_mss
    accepted.send(bytes(4 * mss), later)
    assert len(server.segments_to_send(later)) == 4
    una = accepted.tcb.snd_una + 1
    sack = (una + mss & 0xFFFFFFFF, una + 4 * mss & 0xFFFFFFFF)
    segment = Segment(
        syn.local.port, 80, syn.segment.seq + 1 + len(HELLO) & 0xFFFFFFFF, una & 0xFFFFFFFF, ACK,
        9000, options=Options(sack=(sack,)),
    )  # fmt: skip
    server.receive(segment, CLIENT, later + 10_000_000)
    assert accepted.tcb.rack.rtt_ns == 10_000_000
    (again,) = server.segments_to_send(later + 10_000_000)
    assert again.segment.seq == una & 0xFFFFFFFF


@pytest.mark.parametrize("tries", [False, True])
def test_a_server_without_cookie_may_be_asked_in_the_older_way_once(tries: bool) -> None:
    """Linux; RFC 7413 section 7 lets the experimental option go."""
    client = make(CLIENT, fast_open=True, fast_open_tries_old=tries)

    def opened(now: int, **answer: object) -> tuple[bytes | None, bool, int]:
        client.connect(Endpoint(SERVER, 80), now, data=b"hello")
        (syn,) = client.segments_to_send(now)
        options = Options(mss=1460, **answer)  # type: ignore[arg-type]
        ack = syn.segment.seq + 1 + len(syn.segment.payload) & 0xFFFFFFFF
        port = syn.local.port
        client.receive(Segment(80, port, 5, ack, SYN | ACK, 9000, options=options), SERVER, now)
        client.segments_to_send(now)
        asked = syn.segment.options
        return asked.fast_open, asked.fast_open_old, len(syn.segment.payload)

    assert [opened(at) for at in range(3)] == [
        (b"", False, 0),
        (b"", tries, 0),
        (b"", False, 0),  # neither was answered: the usual one again
    ]
    client.old_option.clear()
    opened(4)
    assert opened(5, fast_open=b"coo4", fast_open_old=tries) == (b"", tries, 0)
    assert opened(6, fast_open=b"coo5") == (b"coo4", tries, 5)  # a cookie in the usual option
    assert opened(7) == (b"coo5", False, 5)
    assert client.old_option == {}
