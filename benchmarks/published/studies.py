"""What the page shows of each study."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a study's table on the page.

    ``name`` is the column in the study's table of runs; ``digits`` behind the point, None for
    words. ``measured``: it depends on the kernel.
    """

    heading: str
    name: str
    factor: float
    digits: int | None
    measured: bool = False


SHOWN: dict[str, tuple[Column, ...]] = {
    "cubic_response": (
        Column("congestion control", "cc", 1, None),
        Column("RTT (ms)", "rtt", 1000.0, 0),
        Column("first loss", "start", 1, None),
        Column("p (%)", "p", 100, 3),
        Column("RFC 9438", "rfc", 1, 0),
        Column("measured", "window", 1, 1, measured=True),
        Column("deviation (%)", "deviation", 1, 0, measured=True),
        Column("Linux's rules", "rules", 1, 1),
    ),
    "mathis": (
        Column("losses", "losses", 1, None),
        Column("RTT (ms)", "rtt", 1000.0, 0),
        Column("p (%)", "p", 100, 3),
        Column("ideal C", "ideal", 1, 2),
        Column("with recovery", "model", 1, 2),
        Column("measured", "constant", 1, 2, measured=True),
    ),
    "loss_response": (
        Column("congestion control", "cc", 1, None),
        Column("loss (%)", "loss", 100, 3),
        Column("rate x (1 - loss) (Mbit/s)", "possible", 1e-06, 1),
        Column("RFC 9438, CUBIC", "rfc", 1e-06, 2),
        Column("measured (Mbit/s)", "goodput", 1e-06, 2, measured=True),
        Column("share of what is possible (%)", "share", 1, 1, measured=True),
    ),
    "initial_window": (
        Column("RTT (ms)", "rtt", 1000.0, 0),
        Column("answer (segments)", "segments", 1, 0),
        Column("initial window", "iw", 1, 0),
        Column("predicted (RTT)", "predicted", 1, 0),
        Column("measured (RTT)", "rounds", 1, 2, measured=True),
        Column("saved against 3 (%)", "saved", 1, 0, measured=True),
    ),
    "aqm": (
        Column("queue", "discipline", 1, None),
        Column("room (BDP)", "depth", 1, 1),
        Column("base + queue / rate (ms)", "full", 1, 1),
        Column("largest RTT (ms)", "largest", 1, 1, measured=True),
        Column("median RTT (ms)", "rtt", 1, 1, measured=True),
        Column("goodput (Mbit/s)", "goodput", 1e-06, 2, measured=True),
    ),
    "syn_schedule": (
        Column("tcp_syn_retries", "retries", 1, 0),
        Column("SYNs", "syns", 1, 0, measured=True),
        Column("last SYN (s)", "last_syn", 1, 2, measured=True),
        Column("given up (s)", "given_up", 1, 2, measured=True),
    ),
    "buffer_depth": (
        Column("rate (Mbit/s)", "rate", 1e-6, 1),
        Column("buffer (BDP)", "depth", 1, 2),
        Column("Ware et al.: BBR's share (%)", "ware", 1, 0),
        Column("measured (%)", "share", 1, 0, measured=True),
        Column("from 10 s to 40 s (%)", "early", 1, 0, measured=True),
        Column("mean queueing delay (ms)", "delay", 1, 0, measured=True),
    ),
    "bbr_vs_n": (
        Column("rate (Mbit/s)", "rate", 1e-6, 1),
        Column("the others", "cc", 1, None),
        Column("their number", "n", 1, 0),
        Column("buffer (BDP)", "depth", 1, 0),
        Column("fair share (%)", "fair", 1, 0),
        Column("Ware et al.: BBR's share (%)", "ware", 1, 0),
        Column("measured (%)", "share", 1, 0, measured=True),
    ),
    "padhye": (
        Column("recovery", "recovery", 1, None),
        Column("p (%)", "p", 100, 2),
        Column("Padhye et al. (Mbit/s)", "full", 1e-06, 2),
        Column("Mathis et al. (Mbit/s)", "root", 1e-06, 2),
        Column("measured (Mbit/s)", "goodput", 1e-06, 2, measured=True),
        Column("time-outs", "timeouts", 1, 0, measured=True),
    ),
    "phase_effects": (
        Column("chance", "chance", 1, None),
        Column("longer by (ms)", "extra", 1000.0, 2),
        Column("share of the longer one (%)", "share", 1, 0, measured=True),
    ),
    "asymmetric_path": (
        Column("k", "k", 1, 1),
        Column("way back (kbit/s)", "back", 0.001, 0),
        Column("segments for each ACK", "per_ack", 1, 1, measured=True),
        Column("ACKs lost (%)", "lost", 1, 0, measured=True),
        Column("use of the way there (%)", "used", 1, 0, measured=True),
        Column("median RTT (ms)", "delay", 1, 0, measured=True),
    ),
    "ecn_losses": (
        Column("ECN", "ecn", 1, None),
        Column("flows", "flows", 1, 0),
        Column("sent again", "again", 1, 0, measured=True),
        Column("marked", "marked", 1, 0, measured=True),
        Column("goodput (Mbit/s)", "goodput", 1e-06, 2, measured=True),
        Column("median RTT (ms)", "delay", 1, 1, measured=True),
    ),
    "dumbbell_n": (
        Column("flows", "flows", 1, 0),
        Column("queue (BDP)", "queue", 1, 3),
        Column("one saw (theory)", "alone", 1, 3),
        Column("use", "filled", 1, 3, measured=True),
        Column("loss rate (%)", "loss", 100.0, 3, measured=True),
        Column("1.5 / W² (%)", "model", 100.0, 3, measured=True),
        Column("Jain's index", "jain", 1, 3, measured=True),
    ),
    "rtt_fairness": (
        Column("congestion control", "cc", 1, None),
        Column("RTTs", "ratio", 1, 1),
        Column("short over long", "share", 1, 2, measured=True),
        Column("RTTs with the queue", "rtts", 1, 2, measured=True),
        Column("exponent a", "exponent", 1, 2, measured=True),
    ),
    "incast": (
        Column("kernel or remedy", "remedy", 1, None),
        Column("servers", "servers", 1, 0),
        Column("use", "used", 1, 2, measured=True),
        Column("time-outs", "timeouts", 1, 0, measured=True),
    ),
    "cc_matrix": (
        Column("congestion control", "cc", 1, None),
        Column("path", "path", 1, None),
        Column("loss (%)", "loss", 100, 1),
        Column("use (%)", "used", 1, 0, measured=True),
        Column("mean queue (packets)", "waiting", 1, 1, measured=True),
    ),
}
