"""Checks of what segments carry: ``segment_size`` (payload) and ``syn_option`` (options of SYN and
SYN-ACK).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.checks.segments import kind_filter
from tcpexp.checks.words import many, size_words, span_words
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.units import QuantityError
from tcpexp.views.spans import within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: Option as a spec names it to its column of ``packets``.
OPTIONS: dict[str, str] = {
    "mss": "mss",
    "window_scale": "wscale",
    "sack_permitted": "sack_permitted",
    "timestamps": "ts_val",
}
LISTED = 50


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


class SynOption(Compared[Count]):
    """Whether the SYNs and SYN-ACKs of a host carry an option, and with what value: the MSS in
    bytes, the window scale as shift count.

    Every one of them is asked. Without a comparator the option must be there, with `absent: true`
    it must not.
    """

    name: ClassVar[str] = "syn_option"
    example: ClassVar[str] = "{from: h1, option: window_scale, equals: 7}"

    from_: HostName = Field(alias="from", description="the host that sends the SYN or SYN-ACK")
    option: Literal["mss", "window_scale", "sack_permitted", "timestamps"] = Field(
        description="the option"
    )
    absent: bool = Field(default=False, description="none of them carries it")
    flow: FlowName | None = Field(default=None, description="of this flow only")

    @model_validator(mode="after")
    def _questions_fit(self) -> Self:
        if self.absent and self.has_comparator():
            raise QuantityError(
                "absent: and a comparator ask for two different things", "leave one of them out"
            )
        return self

    def needs_comparator(self) -> bool:
        """Return False: that it is there is a question too."""
        return False

    def title(self) -> str:
        """Name the option and the host."""
        return f"option {self.option.replace('_', ' ')} in the SYNs of {self.from_}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return (
            "absent" if self.absent else self.comparison() if self.has_comparator() else "present"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Look at every SYN and SYN-ACK that the host sent."""
        span = require_span(run, None)
        wanted = pl.col("capture").is_in(captures_of(run, self.from_)) & pl.col("src").is_in(
            addresses_of(run.plan, self.from_)
        )
        wanted &= pl.col("flags").str.contains("S") & within(span)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        rows = run.table("packets").filter(wanted.fill_null(False)).sort("t_ns", "number")
        if rows.is_empty():
            raise Undecided(f"{self.from_} sent no SYN and no SYN-ACK")
        if rows.filter(pl.col("options_cut") & pl.col(OPTIONS[self.option]).is_null()).height:
            raise Undecided(
                "the captures hold too few bytes of each packet (snaplen): TCP options are cut off"
            )
        values = [
            None if value is False else value
            for value in rows.get_column(OPTIONS[self.option]).to_list()
        ]
        passed = all(self._fits(value) for value in values)
        seen = sorted(
            {
                (
                    "absent"
                    if value is None
                    else (
                        "present" if self.option in ("sack_permitted", "timestamps") else str(value)
                    )
                )
                for value in values
            }
        )
        row = rows.row(0, named=True)
        evidence = Evidence(
            many(rows.height, "SYN or SYN-ACK", "SYNs and SYN-ACKs"),
            row["capture"],
            tuple(rows.get_column("number").to_list()[:LISTED]),
        )
        reason = (
            f"{self.option.replace('_', ' ')} in {many(rows.height, 'SYN')} of {self.from_}:"
            f" {', '.join(seen)}; asked: {self.asked()}"
        )
        return self.verdict(passed, ", ".join(seen), reason, [evidence])

    def _fits(self, value: float | None) -> bool:
        if self.absent or value is None:
            return self.absent and value is None
        return self.holds(value) if self.has_comparator() else True
