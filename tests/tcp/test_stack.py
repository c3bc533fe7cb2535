"""Many connections on one address: demultiplexing, the listener's queues, SYN cookies, ISNs."""

from __future__ import annotations

import pytest

from tcpexp.tcp import CallError, Config, Endpoint, Options, Segment, State, fixed_isn, hashed_isn
from tcpexp.tcp.core.cookies import MSS_VALUES, PERIOD_NS, check_cookie, make_cookie
from tcpexp.tcp.core.events import Closed, DataArrived, Established
from tcpexp.tcp.core.stack import Stack
from tests.support.tcp_stacks import CLIENT, KEY, OTHER_KEY, SERVER, drain, exchange, make


def syn(port: int, seq: int = 7, **options: object) -> Segment:
    return Segment(port, 80, seq, 0, 2, 1000, b"", Options(**options))  # type: ignore[arg-type]


def test_two_clients_at_once() -> None:
    server, client = make(SERVER), make(CLIENT)
    listener = server.listen(80)
    both = [client.connect(Endpoint(SERVER, 80), 0) for _ in range(2)]
    exchange(server, client)
    accepted = [listener.accept(), listener.accept()]
    assert listener.accept() is None
    for number, connection in enumerate(both):
        connection.send(b"hello %d" % number, 0)
    exchange(server, client)
    assert [connection.read(99, 0) for connection in accepted if connection] == [
        b"hello 0",
        b"hello 1",
    ]
    kinds = [type(event) for _, event in drain(server)]
    assert kinds.count(Established) == 2
    assert kinds.count(DataArrived) == 2


def test_a_closed_port_answers_with_a_reset() -> None:
    server, client = make(SERVER), make(CLIENT)
    connection = client.connect(Endpoint(SERVER, 81), 0)
    exchange(server, client)
    assert connection.state is State.CLOSED
    drain(client)
    assert client.connections == {}


def test_a_listener_resets_a_stray_acknowledgment_and_ignores_a_stray_reset() -> None:
    server = make(SERVER)
    server.listen(80)
    server.receive(Segment(5, 80, 1, 99, 16, 0), CLIENT, 0)
    (answer,) = server.segments_to_send(0)
    assert (answer.segment.letters, answer.segment.seq) == ("R", 99)
    server.receive(Segment(5, 80, 1, 99, 4, 0), CLIENT, 0)
    server.receive(Segment(5, 80, 1, 0, 0, 0), CLIENT, 0)
    assert server.segments_to_send(0) == []


def test_the_syn_queue_is_bounded_without_cookies() -> None:
    server = make(SERVER, syn_queue=3, syn_cookies="never")
    listener = server.listen(80)
    for port in range(5):
        server.receive(syn(1000 + port), CLIENT, 0)
    assert len(server.connections) == len(listener.half_open) == 3
    assert listener.dropped_syns == 2


def test_half_open_connections_leave_the_queue_when_they_time_out_or_are_reset() -> None:
    server = make(SERVER, syn_queue=2)
    listener = server.listen(80)
    server.receive(syn(1000), CLIENT, 0)
    server.receive(syn(1001), CLIENT, 0)
    server.receive(Segment(1000, 80, 8, 0, 4, 0), CLIENT, 1)
    assert len(listener.half_open) == 1
    now = 0
    while (at := server.next_timer()) is not None and now < 10**12:
        now = at
        server.handle_timer(now)
        server.segments_to_send(now)
    assert listener.half_open == set()
    drain(server)
    assert server.connections == {}
    assert listener.accept() is None


@pytest.mark.parametrize("policy", ["overflow", "always"])
def test_cookies_let_real_clients_through_a_flood(policy: str) -> None:
    server, client = make(SERVER, syn_queue=2, syn_cookies=policy), make(CLIENT)
    listener = server.listen(80)
    for port in range(50):
        server.receive(syn(1000 + port), "10.9.9.9", 0)
    server.segments_to_send(0)
    connection = client.connect(Endpoint(SERVER, 80), 0)
    exchange(server, client)
    assert connection.state is State.ESTABLISHED
    accepted = listener.accept()
    assert accepted is not None
    connection.send(b"x" * 5000, 0)
    exchange(server, client)
    accepted.send(b"y" * 5000, 0)
    exchange(server, client)
    assert (accepted.readable, connection.readable) == (5000, 5000)
    assert listener.cookies_accepted == 1
    assert len(server.connections) <= 3


def test_a_cookie_is_good_for_two_periods_for_one_peer_and_number() -> None:
    local, remote = Endpoint(SERVER, 80), Endpoint(CLIENT, 5)
    cookie = make_cookie(KEY, local, remote, 7, 1460, 5 * PERIOD_NS)
    assert check_cookie(KEY, local, remote, 7, cookie, 5 * PERIOD_NS) == 1460
    assert check_cookie(KEY, local, remote, 7, cookie, 7 * PERIOD_NS - 1) == 1460
    assert check_cookie(KEY, local, remote, 7, cookie, 7 * PERIOD_NS) is None
    assert check_cookie(KEY, local, remote, 8, cookie, 5 * PERIOD_NS) is None
    assert check_cookie(KEY, local, Endpoint(CLIENT, 6), 7, cookie, 5 * PERIOD_NS) is None
    assert check_cookie(OTHER_KEY, local, remote, 7, cookie, 5 * PERIOD_NS) is None
    assert check_cookie(KEY, local, remote, 7, cookie ^ 1 << 25, 5 * PERIOD_NS) is None


@pytest.mark.parametrize(
    ("offered", "kept"), [(64, 64), (10, 64), (1459, 1440), (1460, 1460), (9000, 8960)]
)
def test_a_cookie_keeps_the_mss_as_well_as_three_bits_can(offered: int, kept: int) -> None:
    assert kept in MSS_VALUES
    cookie = make_cookie(KEY, Endpoint(SERVER, 80), Endpoint(CLIENT, 5), 7, offered, 0)
    assert check_cookie(KEY, Endpoint(SERVER, 80), Endpoint(CLIENT, 5), 7, cookie, 0) == kept


def test_the_accept_queue_is_bounded() -> None:
    server, client = make(SERVER, accept_queue=1), make(CLIENT)
    listener = server.listen(80)
    client.connect(Endpoint(SERVER, 80), 0)
    exchange(server, client)
    client.connect(Endpoint(SERVER, 80), 0)
    exchange(server, client)
    assert len(listener.ready) == 1
    assert listener.dropped_syns == 1


def test_multicast_and_broadcast_are_not_spoken_to() -> None:
    server = make(SERVER)
    server.listen(80)
    for address in ("224.0.0.1", "255.255.255.255", "ff02::1"):
        with pytest.raises(CallError, match="not a unicast"):
            server.connect(Endpoint(address, 80), 0)
    server.receive(syn(5), "224.0.0.1", 0)
    server.receive(syn(5), CLIENT, 0, "255.255.255.255")
    assert server.segments_to_send(0) == []
    assert server.discarded == 2


def test_a_port_in_use_is_refused() -> None:
    server, client = make(SERVER), make(CLIENT)
    server.listen(80)
    with pytest.raises(CallError, match="listening already"):
        server.listen(80)
    client.connect(Endpoint(SERVER, 80), 0, port=5)
    with pytest.raises(CallError, match="already exists"):
        client.connect(Endpoint(SERVER, 80), 0, port=5)


@pytest.mark.parametrize(("seq", "reused"), [(1 << 20, True), (0, False)])
def test_a_newer_syn_takes_the_place_of_time_wait(seq: int, reused: bool) -> None:
    server = Stack(SERVER, fixed_isn(50), Config(timestamps=False))
    server.listen(80)
    server.receive(syn(5, 10), CLIENT, 0)
    server.receive(Segment(5, 80, 11, 51, 16, 100), CLIENT, 0)
    (connection,) = server.connections.values()
    connection.shutdown(0)
    server.segments_to_send(0)
    server.receive(Segment(5, 80, 11, 52, 17, 100), CLIENT, 0)
    assert connection.state is State.TIME_WAIT
    server.segments_to_send(0)
    server.receive(syn(5, seq), CLIENT, 10)
    (answer,) = server.segments_to_send(10)
    assert (answer.segment.letters == "SA") is reused
    assert [
        event.reason
        for one, event in drain(server)
        if one is connection and isinstance(event, Closed)
    ] == (["closed"] if reused else [])


def test_ports_of_a_closed_connection_are_free_at_once() -> None:
    server, client = make(SERVER), make(CLIENT)
    server.listen(80)
    for _ in range(3):
        connection = client.connect(Endpoint(SERVER, 80), 0, port=5)
        exchange(server, client)
        assert connection.state is State.ESTABLISHED
        connection.abort(0)
        exchange(server, client)
    assert [event.reason for _, event in drain(server) if isinstance(event, Closed)] == [
        "reset"
    ] * 3
    assert [event.reason for _, event in drain(client) if isinstance(event, Closed)] == [
        "aborted"
    ] * 3
    assert server.connections == client.connections == {}


def test_initial_numbers_depend_on_everything_and_grow_with_time() -> None:
    isn = hashed_isn(KEY)
    one, two = Endpoint(CLIENT, 1), Endpoint(SERVER, 2)
    first = isn(one, two, 0)
    assert isn(one, two, 4_000_000) - first in (1000, 1000 - (1 << 32))  # 4 us a step
    assert (
        len(
            {
                first,
                isn(two, one, 0),
                isn(Endpoint(CLIENT, 3), two, 0),
                hashed_isn(OTHER_KEY)(one, two, 0),
            }
        )
        == 4
    )
    with pytest.raises(ValueError, match="16 or more"):
        hashed_isn(b"short")
