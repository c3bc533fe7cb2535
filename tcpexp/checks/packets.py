"""The check ``packets``: how many packets of a protocol beside TCP were seen, such as ARP requests
and ICMP errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import HostName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.checks.segments import packet_evidence
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.units import QuantityError
from tcpexp.views.spans import within
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

Protocol = Literal["tcp", "udp", "icmp", "arp"]


class Packets(Compared[Count]):
    """How many packets of a protocol a host sent, counted in its own captures, or were captured at
    another host.

    Without `from`, packets of any source are counted where they arrive, at `at_host`. An ARP
    packet's source is the host that asks or answers; that a question goes to everybody does not
    matter here. In an IPv6 network `arp` counts neighbour discovery (RFC 4861), which does the same
    there, and `icmp` counts all other ICMPv6 but the reports of multicast groups.
    """

    name: ClassVar[str] = "packets"
    example: ClassVar[str] = "{protocol: arp, from: h1, equals: 3}"

    protocol: Protocol = Field(description="the protocol")
    from_: HostName | None = Field(
        default=None, alias="from", description="the host that sends them"
    )
    at_host: HostName | None = Field(
        default=None, description="the host at which they are captured; the sender when left out"
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.from_ is None and self.at_host is None:
            raise QuantityError(
                "neither from: nor at_host: is given", "name the sending host, from: h1"
            )
        return self

    def title(self) -> str:
        """Name the protocol, the hosts and the span."""
        ends = (f" from {self.from_}" if self.from_ else "") + (
            f" seen at {self.at_host}" if self.at_host else ""
        )
        word = "ARP or neighbour discovery" if self.protocol == "arp" else self.protocol.upper()
        return f"{word} packets{ends} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the packets."""
        span = require_span(run, self.between)
        seen_at = self.at_host or self.from_
        assert seen_at is not None
        protocol = "nd" if self.protocol == "arp" and run.plan.network.ip == 6 else self.protocol
        wanted = (
            pl.col("capture").is_in(captures_of(run, seen_at))
            & (pl.col("protocol") == protocol)
            & within(span)
        )
        if self.from_ is not None:
            wanted &= pl.col("src").is_in(addresses_of(run.plan, self.from_))
        rows = run.table("packets").filter(wanted).sort("t_ns", "number")
        seen = many(
            rows.height, f"{'neighbour discovery' if protocol == 'nd' else protocol.upper()} packet"
        )
        return self.verdict(
            self.holds(rows.height),
            seen,
            f"{seen} in the capture; asked: {self.asked()}",
            packet_evidence(rows),
        )
