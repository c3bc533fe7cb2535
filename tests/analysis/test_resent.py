"""What a sender sent again, from its own capture, and by which mechanism."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tcpexp.analysis.resent import build_resent
from tcpexp.store.frames import schema_of
from tests.support.numbered import numbered

MS = 1_000_000
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = schema_of(name)
    return numbered(
        pl.DataFrame(
            [{column: row.get(column) for column in schema} for row in rows], schema=schema
        )
    )


class Wire:
    """The packets of two hosts' captures, one after another; ``at`` in ms."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.sockets: list[dict[str, Any]] = []
        self.counters: list[dict[str, Any]] = []

    def seen(
        self,
        node: str,
        at: float,
        flags: str,
        seq: int,
        size: int = 0,
        ack: int = 1,
        to_server: bool = True,
        **more: Any,
    ) -> Wire:
        (src, sport), (dst, dport) = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
        packet = {
            "node": node,
            "capture": f"{node}-eth0",
            "t_ns": round(at * MS),
            "protocol": "tcp",
            "flags": flags,
            "seq": seq % 2**32,
        }
        packet["seq_rel"] = packet["seq"]
        packet |= {
            "src": src,
            "src_port": sport,
            "dst": dst,
            "dst_port": dport,
            "payload_bytes": size,
            "ack": ack,
            "window": 500,
            "flow": "get",
        }
        self.rows.append({**packet, "number": len(self.rows) + 1, **more})
        return self

    def data(self, at: float, seq: int, size: int = 100, **more: Any) -> Wire:
        """A data segment of the client."""
        return self.seen("h1", at, "A", seq, size, **more)

    def ack(self, at: float, ack: int, **more: Any) -> Wire:
        """An ACK that reaches the client."""
        return self.seen("h1", at, "A", 9000, ack=ack, to_server=False, **more)

    def state(self, at: float, name: str) -> Wire:
        ends = {"src": CLIENT[0], "src_port": CLIENT[1], "dst": SERVER[0], "dst_port": SERVER[1]}
        self.states.append({"node": "h1", "t_ns": round(at * MS), "ca_state": name, **ends})
        return self

    def resent(self, traced: bool = True) -> list[dict[str, Any]]:
        held = {
            "packets": self.rows,
            "ca_states": self.states,
            "sockets": self.sockets,
            "counters": self.counters,
        }
        tables = {name: frame(name, rows) for name, rows in held.items()}
        nodes = [
            SimpleNamespace(
                name=f"h{number}", interfaces=[SimpleNamespace(address=f"10.0.0.{number}")]
            )
            for number in (1, 2)
        ]
        engine = {"trace": {"events": ["tcp/tcp_cong_state_set"]}} if traced else {}
        return build_resent(
            SimpleNamespace(
                table=tables.__getitem__,
                engine=engine,
                plan=SimpleNamespace(network=SimpleNamespace(nodes=nodes)),
            )
        ).to_dicts()  # type: ignore[arg-type]


def numbers(wire: Wire) -> list[int]:
    return [row["number"] for row in wire.resent()]


def test_data_is_sent_again_when_its_last_byte_went_out_before() -> None:
    wire = Wire().data(0, 1).data(1, 101).data(2, 1).data(3, 101, 150).data(4, 151, 50)
    assert numbers(wire) == [3, 5], "the fourth has new bytes behind the old ones"


def test_sequence_numbers_wrap() -> None:
    wire = (
        Wire()
        .data(0, 2**32 - 150)
        .data(1, 2**32 - 50)
        .data(2, 50)
        .data(3, 2**32 - 50)
        .data(4, 150)
        .data(5, 50)
    )
    assert numbers(wire) == [4, 6]


def test_a_connection_that_uses_the_same_ports_again_begins_anew() -> None:
    wire = (
        Wire()
        .seen("h1", 0, "S", 1000)
        .data(1, 1001)
        .seen("h1", 100, "S", 500)
        .data(101, 501)
        .data(102, 1001)
    )
    assert numbers(wire) == []


def test_what_leaves_by_another_interface_is_sent_again_too() -> None:
    assert numbers(Wire().data(0, 1).data(1, 101).data(2, 1, capture="h1-eth1", number=1)) == [1]


def test_a_capture_elsewhere_says_nothing_of_the_sender() -> None:
    assert (
        numbers(Wire().data(0, 1).seen("h2", 0.5, "A", 1, 100).seen("h2", 0.6, "A", 1, 100)) == []
    )


def test_handshake_and_fin_count_as_the_kernel_counts_them() -> None:
    wire = (
        Wire()
        .seen("h1", 0, "S", 0)
        .seen("h1", 1000, "S", 0)
        .data(1100, 1)
        .seen("h1", 1200, "FA", 101)
        .seen("h1", 1500, "FA", 101)
    )
    rows = wire.resent()
    assert [(row["kind"], row["by"], row["gap_ns"]) for row in rows] == [
        ("syn", "timeout", 1000 * MS),
        ("fin", "tail_loss_probe", 300 * MS),
    ]


def test_a_syn_ack_answers_a_repeated_syn_or_is_the_timers() -> None:
    wire = Wire()
    for at in (0, 1000):
        wire.seen("h2", at, "S", 77)
        wire.seen("h2", at + 0.1, "SA", 5, to_server=False)
    wire.seen("h2", 1000.2, "SA", 5, to_server=False).seen("h2", 3000, "SA", 5, to_server=False)
    assert [row["by"] for row in wire.resent()] == ["answer", "timeout", "timeout"]


def test_a_syn_ack_behind_its_own_syn_is_the_first() -> None:
    """Both ends opened at once (RFC 9293 section 3.5)."""
    wire = Wire().seen("h1", 0, "S", 5).seen("h1", 1, "SA", 5).seen("h1", 1002, "SA", 5)
    assert numbers(wire) == [3]


def test_probes_are_no_retransmissions() -> None:
    """A keep-alive may carry the last byte that was acknowledged.

    A zero-window probe of Linux has no data.
    """
    wire = Wire().data(0, 1).ack(20, 101).data(5000, 100, 1).seen("h1", 6000, "A", 100)
    assert numbers(wire) == []
    assert numbers(Wire().data(0, 1, 1).ack(20, 1).data(300, 1, 1)) == [3], (
        "a lost segment of one byte is"
    )


def test_a_packet_before_it_is_cut_counts_as_its_segments() -> None:
    wire = (
        Wire()
        .seen("h1", 0, "S", 0, mss=1460, ts_val=1)
        .seen("h1", 1, "SA", 0, to_server=False, mss=1460, ts_val=1)
    )
    wire.data(2, 1, 10 * 1448).data(30, 1449, 2 * 1448 + 1).data(31, 1, 1448)
    assert [row["segments"] for row in wire.resent()] == [3, 1]
    ends = {
        "local_address": CLIENT[0],
        "local_port": CLIENT[1],
        "peer_address": SERVER[0],
        "peer_port": SERVER[1],
    }
    wire.sockets.append({"node": "h1", "t_ns": 0, "mss": 724, **ends})
    assert [row["segments"] for row in wire.resent()] == [5, 2], "path MTU discovery halved the MSS"


def test_the_gap_is_known_also_when_the_bytes_were_cut_elsewhere() -> None:
    (row,) = Wire().data(0, 1, 100).data(10, 101, 100).data(210, 51, 50).resent()
    assert (row["gap_ns"], row["times"]) == (210 * MS, 1)


@pytest.mark.parametrize(
    ("states", "mechanisms"),
    [
        ([(49.9, "Recovery")], ["fast_retransmit", "lost_retransmission"]),
        ([(50, "Loss")], ["timeout", "after_timeout"]),
        ([(50, "Loss"), (60, "Loss")], ["timeout", "timeout"]),
        ([(0, "Open"), (60, "Recovery")], ["tail_loss_probe", "lost_retransmission"]),
        (
            [(20, "Recovery"), (50, "Open"), (60, "Recovery")],
            ["fast_retransmit", "lost_retransmission"],
        ),
        ([], ["tail_loss_probe", "tail_loss_probe"]),
    ],
)
def test_the_congestion_state_tells_the_mechanism(
    states: list[tuple[float, str]], mechanisms: list[str]
) -> None:
    """In the fifth case Recovery ended in the very instant of the retransmission: on a virtual
    clock several segments are processed at one time.
    """
    wire = Wire().data(0, 1).data(50, 1).data(60, 1)
    for at, name in states:
        wire.state(at, name)
    assert [row["by"] for row in wire.resent()] == mechanisms


def test_without_a_trace_the_mechanism_of_data_is_not_known() -> None:
    assert [row["by"] for row in Wire().data(0, 1).data(50, 1).resent(traced=False)] == [None]


def test_a_closed_window_and_a_smaller_path_are_no_timeouts() -> None:
    closed = Wire().data(0, 1).ack(10, 1, window=0).state(300, "Loss").data(300, 1)
    assert [row["by"] for row in closed.resent()] == ["zero_window"]
    told = (
        Wire()
        .data(0, 1, 1448)
        .seen("h1", 10, "", 0, protocol="icmp", to_server=False)
        .state(10, "Loss")
        .data(10.1, 1, 1000)
    )
    assert [row["by"] for row in told.resent()] == ["path_mtu"]


def test_a_lost_probe_of_the_path_mtu_is_no_timeout() -> None:
    """Recorded: ACKs told of the loss 43 ms after the probe was sent, and the kernel counted it as
    a failed probe.
    """
    wire = (
        Wire().data(0, 1, 1236).ack(40, 1).state(43, "Loss").data(43, 1, 1236).data(43, 1237, 106)
    )
    assert [row["by"] for row in wire.resent()] == ["timeout"]
    wire.counters = [
        {"node": "h1", "t_ns": at, "counter": "TcpExt.TCPMTUPFail", "value": at} for at in (0, 1)
    ]
    assert [row["by"] for row in wire.resent()] == ["path_mtu"]


def test_an_ack_of_the_same_instant_came_after_the_packet_that_it_acknowledges() -> None:
    """Recorded on a virtual clock: without delay on the link, the ACK of a byte that was sent again
    has the same time, and must not make it a keep-alive.
    """
    wire = Wire().data(0, 1, 1).data(203, 1, 1).ack(203, 2)
    assert [(row["kind"], row["segments"]) for row in wire.resent()] == [("data", 1)]
    assert Wire().data(0, 1, 1).ack(100, 2).data(203, 1, 1).resent() == []


def test_a_timeout_that_ended_at_its_own_instant_is_one() -> None:
    wire = (
        Wire()
        .data(0, 1)
        .data(1, 101)
        .state(300, "Loss")
        .state(300, "Open")
        .state(300, "Recovery")
        .data(300, 1)
        .data(300, 101)
        .state(300.1, "Open")
    )
    assert [row["by"] for row in wire.resent()] == ["timeout", "fast_retransmit"]
