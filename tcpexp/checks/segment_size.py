"""The check ``segment_size``: how large the segments are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.checks.segments import kind_filter
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import within
from tcpexp.words.measured import size_words, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class SegmentSize(Compared[Bytes]):
    """The payload of the data segments that a host sent, in bytes.

    Counted in the sender's capture unless `seen_at` names another host: with segmentation offload
    the sender's capture shows what TCP handed to the network card, not what went over the wire.
    """

    name: ClassVar[str] = "segment_size"
    example: ClassVar[str] = "{from: h1, flow: upload, measure: max, at_most: 1448}"

    from_: HostName = Field(alias="from", description="the host that sends them")
    flow: FlowName | None = Field(default=None, description="of this flow only")
    seen_at: HostName | None = Field(
        default=None, description="in the captures of this host; the sender's when left out"
    )
    measure: Literal["min", "mean", "median", "max"] = Field(
        description="which number of all the sizes is compared"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow, where it is seen, and the span."""
        flow = f" of flow {self.flow}" if self.flow else ""
        return (
            f"{self.measure} payload of segments{flow} from {self.from_}, seen at"
            f" {self.seen_at or self.from_} {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a size in words."""
        return size_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Compare one number of the sizes.

        The smallest and the largest segment are the evidence.
        """
        span = require_span(run, self.between)
        rows = self._rows(run).filter(within(span))
        if rows.is_empty():
            raise Undecided(
                f"no data segment from {self.from_} was captured at {self.seen_at or self.from_}"
                f" {span_words(span)}"
            )
        sizes = rows.get_column("payload_bytes")
        value = {"min": sizes.min, "mean": sizes.mean, "median": sizes.median, "max": sizes.max}[
            self.measure
        ]()
        assert isinstance(value, (int, float))
        evidence = []
        for word, index in (("smallest", sizes.arg_min()), ("largest", sizes.arg_max())):
            row = rows.row(int(index or 0), named=True)
            text = f"{word}: {size_words(row['payload_bytes'])} of payload"
            evidence.append(
                Evidence(text, row["capture"], (row["number"],), row["t_ns"], row["t_ns"])
            )
        carried = (
            f"{many(rows.height, 'data segment')} with {size_words(float(sizes.sum()))} of payload"
        )
        reason = f"{carried}, {self.measure} {size_words(value)}; asked: {self.comparison()}"
        return self.verdict(self.holds(value), size_words(value), reason, evidence)

    def _rows(self, run: RunData) -> pl.DataFrame:
        wanted = pl.col("capture").is_in(captures_of(run, self.seen_at or self.from_)) & pl.col(
            "src"
        ).is_in(addresses_of(run.plan, self.from_))
        wanted &= (pl.col("protocol") == "tcp") & kind_filter("data")
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        return run.table("packets").filter(wanted.fill_null(False)).sort("t_ns", "number")
