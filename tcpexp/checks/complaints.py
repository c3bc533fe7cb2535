"""The check ``complaints``: what Wireshark's dissector finds wrong with a host's packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span, table_exists
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import within
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

LISTED = 10


class Complaints(Compared[Count]):
    """How many packets of a host Wireshark calls malformed, with a wrong checksum, or otherwise
    worth a warning or an error.

    These are the remarks of Wireshark's experts above the level of a note, on packets that the host
    sent, in its own captures or those of `seen_at`. `besides` names remarks that something else
    explains, such as an impaired path, by a part of their words: they are not counted. Without a
    comparator there must be none. Checksums are verified where whole packets were captured
    (`record: {capture: {snaplen: full}}`).
    """

    name: ClassVar[str] = "complaints"
    example: ClassVar[str] = '{from: h1, flow: upload, besides: ["out-of-order"]}'

    from_: HostName = Field(alias="from", description="the host that sends the packets")
    flow: FlowName | None = Field(default=None, description="of this flow only")
    seen_at: HostName | None = Field(
        default=None, description="the host at which they are captured; the sender when left out"
    )
    besides: tuple[str, ...] = Field(
        default=(), description="words of remarks that are not counted, in any case of letters"
    )
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Return False: none is asked."""
        return False

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison() if self.has_comparator() else "none"

    def title(self) -> str:
        """Name the sender, the flow and what is not counted."""
        where = (f" of flow {self.flow}" if self.flow else "") + (
            f" seen at {self.seen_at}" if self.seen_at else ""
        )
        besides = f" (besides {', '.join(self.besides)})" if self.besides else ""
        return (
            f"Wireshark's complaints about packets from {self.from_}{where}{besides}"
            f" {span_words(self.between)}"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Count the packets that have a remark which nothing explains."""
        span = require_span(run, self.between)
        if not table_exists(run, "complaints"):
            raise Undecided(
                "the captures were not searched for complaints: tcpexp report RUN reads them again"
            )
        packets = self._packets(run, span)
        if packets.is_empty():
            raise Undecided(
                f"no packet of {self.from_} was captured, so none can be right or wrong"
            )
        found = run.table("complaints").join(packets, on=("capture", "number"))
        for words in self.besides:
            found = found.filter(
                ~pl.col("text").str.to_lowercase().str.contains(words.lower(), literal=True)
            )
        count = found.select("capture", "number").n_unique()
        passed = self.holds(count) if self.has_comparator() else count == 0
        kinds = found.group_by("level", "text").len().sort("len", "text", descending=(True, False))
        said = (
            "; ".join(
                f"{row['len']} x {row['level']}: {row['text']}"
                for row in kinds.head(3).iter_rows(named=True)
            )
            or "nothing wrong"
        )
        reason = (
            f"of {many(packets.height, 'packet')}, {count} {'has' if count == 1 else 'have'} a"
            f" complaint ({said}); asked: {self.asked()}"
        )
        return self.verdict(passed, many(count, "packet"), reason, _evidence(found))

    def _packets(self, run: RunData, span: tuple[int, int]) -> pl.DataFrame:
        wanted = pl.col("capture").is_in(captures_of(run, self.seen_at or self.from_)) & within(
            span
        )
        wanted &= pl.col("src").is_in(addresses_of(run.plan, self.from_))
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        return (
            run.table("packets").filter(wanted.fill_null(False)).select("capture", "number", "t_ns")
        )


def _evidence(found: pl.DataFrame) -> list[Evidence]:
    """Return the first packets with what is said about them."""
    if found.is_empty():
        return []
    rows = found.sort("capture", "number")
    first = rows["capture"][0]
    shown = rows.filter(capture=first).head(LISTED)
    table = (
        ("packet", "level", "remark"),
        *((str(row["number"]), row["level"], row["text"]) for row in shown.iter_rows(named=True)),
    )
    return [
        Evidence(
            "the first of them",
            first,
            tuple(shown["number"].to_list()),
            shown["t_ns"][0],
            shown["t_ns"][-1],
            table,
        )
    ]
