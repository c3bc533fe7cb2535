"""Congestion control and loss recovery: the worked values of RFC 5681, 6582, 6675 and 9438, as
scripts and as arithmetic.
"""

from __future__ import annotations

import itertools

import pytest

from tcpexp.tcp import Config
from tcpexp.tcp.core.congestion.base import AckReport, CongestionControl, initial_window
from tcpexp.tcp.core.congestion.builtin import CONTROLS, add_control, make_control
from tcpexp.tcp.core.congestion.cubic import ALPHA, Cubic, cubic_window, plateau_time
from tcpexp.tcp.core.events import CongestionChanged, Retransmitted
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer
from tests.support.tcp_script import play

SMSS = 1000
SECOND = 1_000_000_000

#: Ten segments in flight, the first of them lost.
TEN = "1 write 20000\n" + "".join(
    f"1 > A seq {1 + 1000 * n}:{1001 + 1000 * n}\n" for n in range(10)
)
THREE_DUPLICATES = (
    "1.1 < A seq 1 ack 1 win 60000\n1.11 < A seq 1 ack 1 win 60000\n1.12 < A seq 1 ack 1 win"
    " 60000\n"
)
SACK_OPEN = (
    "0 connect\n0 > S seq 0\n0.1 < SA seq 0 ack 1 win 60000 <mss 1000, sackOK>\n0.1 > A seq 1"
    " ack 1\n"
)


def report(
    octets: int, now: int = 0, flight: int = 1 << 30, srtt_ns: int | None = None
) -> AckReport:
    return AckReport(octets, now, srtt_ns, flight)


@pytest.mark.parametrize(
    ("smss", "segments"),
    [(536, 4), (1095, 4), (1096, 3), (1460, 3), (2190, 3), (2191, 2), (8960, 2)],
)
def test_initial_window(smss: int, segments: int) -> None:
    assert initial_window(smss) == segments * smss


def test_slow_start_adds_a_segment_for_each_ack_and_less_for_a_small_one() -> None:
    control = make_control(SMSS, Config(congestion_control="reno"))
    start = control.cwnd
    control.on_ack(report(2 * SMSS))
    assert control.cwnd == start + SMSS
    control.on_ack(report(10))  # ACK division does not pay: min(N, SMSS)
    assert control.cwnd == start + SMSS + 10


def test_congestion_avoidance_adds_a_segment_for_each_window() -> None:
    control = make_control(
        SMSS,
        Config(congestion_control="reno", initial_ssthresh=10 * SMSS, initial_window_segments=10),
    )
    for _ in range(9):
        control.on_ack(report(SMSS))
    assert control.cwnd == 10 * SMSS
    control.on_ack(report(SMSS))
    assert control.cwnd == 11 * SMSS
    control.on_ack(report(16 * SMSS))  # 5 more than a window: they count for the next one
    assert control.cwnd == 12 * SMSS
    control.on_ack(report(7 * SMSS))
    assert control.cwnd == 13 * SMSS


def test_a_window_that_is_not_used_does_not_grow() -> None:
    control = make_control(SMSS, Config(congestion_control="reno"))
    control.on_ack(report(SMSS, flight=SMSS))
    assert control.cwnd == initial_window(SMSS)


def test_ssthresh_64_kb_with_segments_of_1024() -> None:
    """One segment per ACK up to 64 kB, then about one per round trip."""
    config = Config(
        mss=1024,
        congestion_control="reno",
        timestamps=False,
        sack=False,
        delayed_ack=False,
        initial_ssthresh=65536,
        initial_window_segments=1,
    )
    simulation, _ = transfer(2_000_000, config, LinkConfig(delay_ns=50_000_000))
    windows = [event for event in simulation.hosts[0].log if isinstance(event, CongestionChanged)]
    slow = [event.cwnd for event in windows if event.mode == "slow start"]
    assert slow == [1024 * n for n in range(1, 64)]
    avoiding = [event for event in windows if event.mode == "congestion avoidance"]
    steps = [
        (later.at_ns - earlier.at_ns, later.cwnd - earlier.cwnd)
        for earlier, later in itertools.pairwise(avoiding)
    ]
    assert {gain for _, gain in steps} == {1024}
    assert {wait for wait, _ in steps} == {100_000_000}


def test_reno_recovers_one_loss() -> None:
    play(
        TEN
        + THREE_DUPLICATES
        + """
        1.12 > A seq 1:1001
        1.12 ssthresh 5000                      # flight of 10 segments / 2
        1.12 cwnd 8000                          # ssthresh + 3
        1.12 mode fast recovery
        1.13 < A seq 1 ack 1 win 60000
        1.13 cwnd 9000
        1.14 < A seq 1 ack 1 win 60000
        1.15 < A seq 1 ack 1 win 60000
        1.15 > A seq 10001:11001                # the window has opened to 11
        1.2 < A seq 1 ack 10001 win 60000
        1.2 > A seq 11001:12001
        1.2 > A seq 12001:13001
        1.2 > A seq 13001:14001
        1.2 > A seq 14001:15001
        1.2 cwnd 5000
        1.2 mode congestion avoidance
        """,
        initial_window_segments=10,
    )


def test_reno_leaves_recovery_with_the_first_new_ack() -> None:
    play(
        TEN
        + THREE_DUPLICATES
        + "1.12 > A seq 1:1001\n1.2 < A seq 1 ack 2001 win 60000\n1.2 cwnd 5000\n1.2 mode"
        " congestion avoidance",
        initial_window_segments=10,
    )


def test_newreno_stays_and_sends_the_next_hole_at_once() -> None:
    play(
        TEN
        + THREE_DUPLICATES
        + """
        1.12 > A seq 1:1001
        1.2 < A seq 1 ack 2001 win 60000         # partial: 2 segments
        1.2 > A seq 2001:3001
        1.2 cwnd 7000                            # 8000 - 2000 + 1000
        1.2 mode fast recovery
        1.3 < A seq 1 ack 10001 win 60000        # full
        1.3 > A seq 10001:11001
        1.3 > A seq 11001:12001
        1.3 cwnd 2000                            # nothing is in flight: no burst of five
        """,
        initial_window_segments=10,
        congestion_control="newreno",
    )


def test_tahoe_starts_again_at_one_segment() -> None:
    play(
        TEN
        + THREE_DUPLICATES
        + """
        1.12 > A seq 1:1001
        1.12 cwnd 1000
        1.12 ssthresh 5000
        1.12 mode slow start
        1.13 < A seq 1 ack 1 win 60000
        1.2 < A seq 1 ack 10001 win 60000
        1.2 > A seq 10001:11001
        1.2 > A seq 11001:12001
        """,
        initial_window_segments=10,
        congestion_control="tahoe",
    )


@pytest.mark.parametrize(("control", "cwnd"), [("fixed_window", 8000), ("stop_and_wait", 1000)])
def test_fixed_windows_do_not_react(control: str, cwnd: int) -> None:
    one = make_control(SMSS, Config(congestion_control=control))
    for call in (
        lambda: one.on_ack(report(SMSS)),
        lambda: one.on_recovery(9000, 0, 3),
        one.on_duplicate_ack,
        lambda: one.on_partial_ack(9),
        lambda: one.on_recovered(0, 0),
        lambda: one.on_timeout(9000, 0, False),
        one.on_idle,
        one.on_syn_lost,
    ):
        call()
        assert one.cwnd == cwnd


@pytest.mark.parametrize(
    ("control", "modes", "resent"),
    [
        (
            "tahoe",
            ["slow start", "congestion avoidance"] * 3,
            ["fast retransmit", "fast retransmit", *["after loss"] * 5],
        ),
        (
            "reno",
            [
                "slow start",
                *["congestion avoidance", "fast recovery"] * 3,
                "congestion avoidance",
                "slow start",
                "congestion avoidance",
            ],
            ["fast retransmit", "fast retransmit", "fast retransmit", "timeout"],
        ),
        (
            "newreno",
            [
                "slow start",
                *["congestion avoidance", "fast recovery"] * 2,
                "slow start",
                "congestion avoidance",
            ],
            ["fast retransmit", "fast retransmit", "partial ACK", "partial ACK"],
        ),
        (
            "cubic",
            ["slow start", *["congestion avoidance", "fast recovery"] * 2, "congestion avoidance"],
            ["fast retransmit", "fast retransmit", "partial ACK", "partial ACK"],
        ),
    ],
)
def test_the_textbook_on_the_same_losses(control: str, modes: list[str], resent: list[str]) -> None:
    """One loss, then three in a window: Tahoe restarts at one segment, Reno halves twice and needs
    the timer for the third, NewReno repairs all.

    So it is in Fall and Floyd, "Simulation-based Comparisons of Tahoe, Reno, and SACK TCP", 1996,
    section 5.3 (three dropped packets).
    """
    config = Config(
        mss=1024,
        congestion_control=control,
        sack=False,
        timestamps=False,
        delayed_ack=False,
        initial_window_segments=1,
        initial_ssthresh=32 * 1024,
    )
    losses = [1024 * segment for segment in (100, 300, 302, 304)]
    simulation, _ = transfer(
        1_000_000, config, LinkConfig(delay_ns=50_000_000, rate_bps=8_000_000, drop_offsets=losses)
    )
    log = simulation.hosts[0].log
    seen = [event.mode for event in log if isinstance(event, CongestionChanged)]
    assert [
        mode for mode, before in zip(seen, ["", *seen], strict=False) if mode != before
    ] == modes
    assert [event.reason for event in log if isinstance(event, Retransmitted)] == resent


def test_limited_transmit_sends_new_data_for_the_first_two_duplicates() -> None:
    play(
        TEN
        + """
        1.1 < A seq 1 ack 1 win 60000
        1.1 > A seq 10001:11001
        1.11 < A seq 1 ack 1 win 60000
        1.11 > A seq 11001:12001
        1.12 < A seq 1 ack 1 win 60000
        1.12 > A seq 1:1001
        1.12 ssthresh 5000                      # without what limited transmit sent
        """,
        initial_window_segments=10,
        limited_transmit=True,
    )


def test_duplicates_after_a_timeout_do_not_begin_recovery() -> None:
    play(
        TEN
        + """
        2 > A seq 1:1001
        2.1 < A seq 1 ack 1 win 60000
        2.1 < A seq 1 ack 1 win 60000
        2.1 < A seq 1 ack 1 win 60000
        2.1 mode slow start
        2.1 cwnd 1000
        """,
        initial_window_segments=10,
        congestion_control="newreno",
    )


def test_what_is_no_duplicate_ack() -> None:
    """With data, with another window, or with nothing outstanding."""
    play(
        TEN
        + """
        1.1 < A seq 1:11 ack 1 win 60000
        1.11 < A seq 11 ack 1 win 50000
        1.12 < A seq 11 ack 1 win 40000
        1.13 < A seq 11 ack 1 win 30000
        1.14 > A seq 10001 ack 11
        1.14 cwnd 10000
        """,
        initial_window_segments=10,
    )


def test_sack_recovery_sends_the_holes_and_new_data_as_the_pipe_empties() -> None:
    play(
        SACK_OPEN
        + TEN
        + """
        1.10 < A seq 1 ack 1 win 60000 <sack 1001:2001>
        1.11 < A seq 1 ack 1 win 60000 <sack 1001:2001 3001:4001>
        1.12 < A seq 1 ack 1 win 60000 <sack 1001:2001 3001:5001>
        1.12 > A seq 1:1001
        1.12 cwnd 5000
        1.12 ssthresh 5000
        1.13 < A seq 1 ack 1 win 60000 <sack 1001:2001 3001:6001>
        # pipe: 2 lost and 4 SACKed of 10, and a retransmission: 5 = cwnd
        1.13 quiet
        1.14 < A seq 1 ack 1 win 60000 <sack 1001:2001 3001:7001>
        1.14 > A seq 2001:3001                  # the second hole
        1.15 < A seq 1 ack 1 win 60000 <sack 1001:2001 3001:8001>
        1.15 > A seq 10001:11001                # no hole left: new data
        1.20 < A seq 1 ack 10001 win 60000
        1.20 > A seq 11001:12001
        1.20 > A seq 12001:13001
        1.20 > A seq 13001:14001
        1.20 > A seq 14001:15001
        1.20 cwnd 5000
        1.20 mode congestion avoidance
        """,
        opened=False,
        sack=True,
        initial_window_segments=10,
    )


def test_cubic_constants_and_curve() -> None:
    """RFC 9438: C 0.4, beta 0.7, alpha 9/17.

    The plateau after K = cbrt((W_max - cwnd) / C), and W_max there.
    """
    assert pytest.approx(9 / 17) == ALPHA
    k_s = plateau_time(100, 70)
    assert k_s == pytest.approx((30 / 0.4) ** (1 / 3)) == pytest.approx(4.217, abs=1e-3)
    assert cubic_window(0, k_s, 100) == pytest.approx(70)
    assert cubic_window(k_s, k_s, 100) == 100
    assert cubic_window(2 * k_s, k_s, 100) == pytest.approx(130)
    assert plateau_time(70, 70) == plateau_time(60, 70) == 0


def cubic(window: int) -> Cubic:
    control = Cubic(SMSS, Config())
    control.cwnd, control.ssthresh = window * SMSS, window * SMSS
    return control


def test_cubic_reduces_to_seven_tenths_and_remembers() -> None:
    control = cubic(100)
    control.on_recovery(100 * SMSS, 0, 0)
    assert (control.cwnd, control.ssthresh, control.w_max) == (70 * SMSS, 70 * SMSS, 100)
    control.on_recovery(70 * SMSS, SECOND, 0)
    assert (control.cwnd, control.w_max) == (49 * SMSS, 70 * 1.7 / 2)  # fast convergence


def test_cubic_comes_back_to_w_max_after_k() -> None:
    control = cubic(1000)
    control.on_recovery(1000 * SMSS, 0, 0)
    control.on_recovered(0, 0)
    rtt_ns, now, seen = 100_000_000, 0, {}
    k_s = plateau_time(1000, 700)
    while now < 2 * k_s * SECOND:
        for _ in range(int(control.window)):
            control.on_ack(report(SMSS, now, srtt_ns=rtt_ns))
        now += rtt_ns
        seen[now / SECOND] = control.window
    at_k = min(seen, key=lambda at: abs(at - k_s))
    assert seen[at_k] == pytest.approx(1000, rel=0.005)
    assert seen[max(seen)] == pytest.approx(cubic_window(2 * k_s, k_s, 1000), rel=0.02)


def test_cubic_grows_by_half_of_its_window_per_round_trip_at_most() -> None:
    """RFC 9438 section 4.2: the target lies between cwnd and 1.5 cwnd, however far the curve has
    run ahead.
    """
    control = cubic(100)
    control.on_recovery(100 * SMSS, 0, 0)
    control.on_recovered(0, 0)
    control.on_ack(report(SMSS, 0, srtt_ns=100_000_000))
    before, late = control.window, 60 * SECOND
    assert cubic_window(60, control.k_s, control.w_max) > 10 * before
    control.on_ack(report(SMSS, late, srtt_ns=100_000_000))
    assert control.window == pytest.approx(before + 0.5)


def test_cubic_is_reno_friendly_where_reno_is_faster() -> None:
    """A short round trip and a small window: W_est grows by alpha segments per round trip until the
    window before the loss, then by one.
    """
    control = cubic(20)
    control.on_recovery(20 * SMSS, 0, 0)
    control.on_recovered(0, 0)
    now = 0
    for _ in range(10):
        control.on_ack(report(control.cwnd, now, srtt_ns=1_000_000))
        now += 1_000_000
    assert control.window == pytest.approx(14 + 10 * ALPHA, abs=0.01)


def test_cubic_after_a_timeout() -> None:
    control = cubic(100)
    control.on_timeout(100 * SMSS, 0, repeated=False)
    assert (control.cwnd, control.ssthresh) == (SMSS, 70 * SMSS)
    control.cwnd = 70 * SMSS
    control.on_ack(report(SMSS, SECOND))
    assert control.k_s == 0
    assert control.w_max == 70


def test_a_repeated_timeout_is_one_loss() -> None:
    """The window that CUBIC remembers is that of the first timeout, not the one segment of the
    second.
    """
    player = play(
        TEN + "2 > A seq 1:1001\n4 > A seq 1:1001\n4 cwnd 1000\n4 ssthresh 7000",
        initial_window_segments=10,
        congestion_control="cubic",
    )
    assert isinstance(player.connection.tcb.congestion, Cubic)
    assert player.connection.tcb.congestion.cwnd_prior == 10


def test_an_unknown_control_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean newreno"):
        make_control(SMSS, Config(congestion_control="newren"))


def test_a_control_of_ones_own() -> None:
    class Double(CongestionControl):
        name = "double"

    try:
        add_control(Double)
        assert isinstance(make_control(SMSS, Config(congestion_control="double")), Double)
        with pytest.raises(ValueError, match="taken"):
            add_control(Double)
    finally:
        CONTROLS.pop("double", None)
