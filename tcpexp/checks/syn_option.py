"""The check ``syn_option``: what a SYN offers in its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.units import QuantityError
from tcpexp.views.spans import within
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: Option as a spec names it to its column of ``packets``.
OPTIONS: dict[str, str] = {
    "mss": "mss",
    "window_scale": "wscale",
    "sack_permitted": "sack_permitted",
    "timestamps": "ts_val",
    "fast_open": "fast_open",
    "data": "payload_bytes",
}


LISTED = 50


class SynOption(Compared[Count]):
    """Whether the SYNs and SYN-ACKs of a host carry an option, and with what value: the MSS in
    bytes, the window scale as shift count.

    Every one of them is asked. Without a comparator the option must be there, with `absent: true`
    it must not.
    """

    name: ClassVar[str] = "syn_option"
    example: ClassVar[str] = "{from: h1, option: window_scale, equals: 7}"

    from_: HostName = Field(alias="from", description="the host that sends the SYN or SYN-ACK")
    option: Literal["mss", "window_scale", "sack_permitted", "timestamps", "fast_open", "data"] = (
        Field(
            description=(
                "the option; `fast_open` with the length of its cookie in bytes, 0 where it asks"
                " for one; `data` is no option but the SYN's payload in bytes"
            )
        )
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
        """Name the option, the host and the flow."""
        what = "data" if self.option == "data" else f"option {self.option.replace('_', ' ')}"
        flow = f", flow {self.flow}" if self.flow else ""
        return f"{what} in the SYNs of {self.from_}{flow}"

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
            None if value is False or (self.option == "data" and not value) else value
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
