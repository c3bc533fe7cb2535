"""The congestion controls of the stock kernel, by the name that ``tcp_congestion_control`` has for
them.

Which ones there are is measured, not remembered: ``tests/guest/test_congestion_controls.py``
compares this list with the modules of the guest's kernel, sends with each of them and reads its
name back. What each listens to is from the comment at the head of its source,
net/ipv4/tcp_<name>.c.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from tcpexp.units import QuantityError

Signal = Literal["loss", "delay", "loss and delay", "model", "marks"]
CONGESTION_SYSCTL = "net.ipv4.tcp_congestion_control"
ECN_SYSCTL = "net.ipv4.tcp_ecn"
#: Part of every kernel with IPv4; the others are modules named ``tcp_<name>``.
BUILT_IN = ("reno", "cubic")


@dataclass(frozen=True)
class CongestionControl:
    """One congestion control: its name, what it takes for a sign of congestion, and what it does,
    in a line; ``source`` says where it was published.
    """

    name: str
    signal: Signal
    summary: str
    source: str

    @property
    def needs_ecn(self) -> bool:
        """Whether it is itself only where packets are marked."""
        return self.signal == "marks"

    @property
    def module(self) -> str | None:
        """The kernel module that has it; None for what every kernel has."""
        return None if self.name in BUILT_IN else f"tcp_{self.name}"


#: (name, signal, summary, source)
_ALL: tuple[tuple[str, Signal, str, str], ...] = (
    (
        "bbr",
        "model",
        "paces at the measured bottleneck rate, with at most two bandwidth-delay"
        " products in flight (version 1)",
        "Cardwell et al., ACM Queue 2016",
    ),
    (
        "bic",
        "loss",
        "searches by halves between the window of the last loss and the present one",
        "Xu, Harfoush, Rhee, INFOCOM 2004",
    ),
    (
        "cdg",
        "loss and delay",
        "backs off, with some probability, when the round-trip time rises",
        "Hayes, Armitage, Networking 2011",
    ),
    (
        "cubic",
        "loss",
        "grows along a cubic curve of the time since the last loss, backs off to 0.7;"
        " the default of Linux",
        "RFC 9438",
    ),
    (
        "dctcp",
        "marks",
        "backs off by half the fraction of marked packets; needs ECN and a queue that"
        " marks (mark_at)",
        "RFC 8257",
    ),
    ("highspeed", "loss", "grows faster and backs off less the larger the window is", "RFC 3649"),
    (
        "htcp",
        "loss",
        "grows faster the longer no loss was seen, backs off to the ratio of smallest"
        " to largest RTT",
        "Leith, Shorten, PFLDnet 2004",
    ),
    (
        "hybla",
        "loss",
        "grows as fast as a Reno flow with 25 ms of round-trip time would, for satellite links",
        "Caini, Firrincieli, IJSCN 2004",
    ),
    (
        "illinois",
        "loss and delay",
        "Reno whose growth and back-off depend on the queueing delay",
        "Liu, Basar, Srikant, VALUETOOLS 2006",
    ),
    (
        "lp",
        "delay",
        "low priority: gives way when the one-way delay rises",
        "Kuzmanovic, Knightly, INFOCOM 2003",
    ),
    (
        "nv",
        "loss and delay",
        "Vegas for data centres: compares the rate with the window instead of RTTs",
        "Brakmo, net/ipv4/tcp_nv.c, 2016",
    ),
    (
        "reno",
        "loss",
        "one segment more per round trip, half the window after a loss (NewReno, with SACK)",
        "RFC 5681, RFC 6582, RFC 6675",
    ),
    (
        "scalable",
        "loss",
        "grows by 1 % of the window per round trip, backs off by an eighth",
        "Kelly, CCR 33(2), 2003",
    ),
    (
        "vegas",
        "delay",
        "keeps two to four segments in the queue, as told by the round-trip time",
        "Brakmo, Peterson, JSAC 13(8), 1995",
    ),
    (
        "veno",
        "loss and delay",
        "Reno that backs off less where the queue was short, taking the loss for one of the link",
        "Fu, Liew, JSAC 21(2), 2003",
    ),
    (
        "westwood",
        "loss",
        "after a loss sets the window to what the measured rate fills of the path (Westwood+)",
        "Grieco, Mascolo, CCR 34(2), 2004",
    ),
    (
        "yeah",
        "loss and delay",
        "fast like Scalable while the queue is short, else Reno that drains it",
        "Baiocchi, Castellani, Vacirca, PFLDnet 2007",
    ),
)
CONGESTION_CONTROLS = {row[0]: CongestionControl(*row) for row in _ALL}


def check_congestion_control(name: str) -> str:
    """Return ``name`` when the stock kernel has a congestion control of that name.

    Raises ``QuantityError`` with the list.
    """
    if name not in CONGESTION_CONTROLS:
        near = difflib.get_close_matches(name.lower(), list(CONGESTION_CONTROLS), n=1, cutoff=0.6)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise QuantityError(
            f"unknown congestion control '{name[:60]}'",
            f"{meant}the kernel has {', '.join(CONGESTION_CONTROLS)}",
        )
    return name
