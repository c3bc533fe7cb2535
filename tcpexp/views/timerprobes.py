"""Zero-window probes and keep-alive probes: segments without data whose sequence number is one too
low, so that they must be answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.views.timerseries import EARLY_NS, SECOND, End, TimerSeries, backed_off, rto_ns

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

RTO_MIN_NS = SECOND // 5


def probe_series(run: RunData, end: End) -> list[TimerSeries]:
    """Return a series for each time that the peer's window was closed, and for each idle time with
    keep-alive probes.
    """
    watch = _Watch(run, end)
    for row in end.rows:
        if row["outgoing"]:
            watch.sent(row)
        else:
            watch.received(row)
    watch.stop()
    return watch.found


class _Watch:
    """Follows one end's segments and tells its probes apart: by the window that the peer advertised
    last.
    """

    def __init__(self, run: RunData, end: End) -> None:
        self.run, self.end = run, end
        self.found: list[TimerSeries] = []
        self._series: TimerSeries | None = None
        self._last_got: dict[str, Any] | None = None
        self._sent_up_to = 0
        self._probes = 0
        self._unanswered = 0

    def received(self, row: dict[str, Any]) -> None:
        """Note an answer; a window that opens ends the probing."""
        if "R" in row["flags"]:
            return self.stop()
        opened = (
            bool(row["window_bytes"])
            and self._series is not None
            and self._series.kind == "Zero-window probe"
        )
        if opened or row["payload_bytes"]:
            self.stop()
        self._last_got, self._unanswered = row, 0
        return None

    def sent(self, row: dict[str, Any]) -> None:
        """Note a segment: a probe, or anything else, which ends the probing."""
        seq = row["seq_rel"] or 0
        if (
            self._last_got is not None
            and row["flags"].strip("ECe") == "A"
            and not row["payload_bytes"]
            and seq == self._sent_up_to - 1
        ):
            return (
                self._zero_window(row)
                if self._last_got["window_bytes"] == 0
                else self._keep_alive(row)
            )
        if "R" in row["flags"] and self._series is not None and self._unanswered:
            self._add(
                row,
                "gives up (RST, ETIMEDOUT)",
                self.end.setting("tcp_keepalive_intvl", 75, row["t_ns"]) * SECOND,
            )
        length = (row["payload_bytes"] or 0) + sum(letter in row["flags"] for letter in "SF")
        self._sent_up_to = max(self._sent_up_to, seq + length)
        if length or "R" in row["flags"]:
            self.stop()
        return None

    def stop(self) -> None:
        """End the series."""
        if self._series is not None:
            self.found.append(self._series)
        self._series, self._probes, self._unanswered = None, 0, 0

    def _zero_window(self, row: dict[str, Any]) -> None:
        rto = max(rto_ns(self.run, self.end, row["t_ns"]) or 0, RTO_MIN_NS)
        most = self.end.setting("tcp_retries2", 15, row["t_ns"])
        if self._series is None:
            rule = (
                f"The first probe comes after the RTO ({rto / 1e6:g} ms in ss); each probe doubles"
                " the wait (RFC 9293 section 3.8.6.1), up to 120 s and at most tcp_retries2 ="
                f" {most} times. An answer starts the wait anew, so a round-trip time is added to"
                " each gap. Wireshark calls these probes Keep-Alive."
            )
            self._begin("Zero-window probe", rule, "window 0 arrives")
        self._add(row, f"probe {self._probes + 1}", backed_off(rto, min(self._probes, most)))

    def _keep_alive(self, row: dict[str, Any]) -> None:
        defaults = (("time", 7200), ("intvl", 75), ("probes", 9))
        idle, interval, most = (
            self.end.setting(f"tcp_keepalive_{name}", default, row["t_ns"])
            for name, default in defaults
        )
        if self._series is None:
            rule = (
                f"A probe after tcp_keepalive_time = {idle} s without a sign of life; then one"
                f" every tcp_keepalive_intvl = {interval} s until an answer comes, {most} at most."
                f" An answer starts the {idle} s anew, when it arrives. No back-off."
            )
            self._begin("Keep-alive probe", rule, "last segment arrives")
        remark = " (the last was not answered)" if self._unanswered else ""
        self._add(
            row,
            f"probe {self._probes + 1}{remark}",
            SECOND * (interval if self._unanswered else idle),
        )

    def _begin(self, kind: str, rule: str, start: str) -> None:
        assert self._last_got is not None
        self._series = TimerSeries(kind, self.end.name, rule)
        self._series.add(start, self._last_got, None)

    def _add(self, row: dict[str, Any], what: str, due_ns: int) -> None:
        """Append a probe. One that comes before its time follows a timer that the program set
        itself (TCP_KEEPIDLE, TCP_KEEPINTVL): no rule for that.
        """
        assert self._series is not None
        early = row["t_ns"] - self._series.events[-1].t_ns < due_ns - EARLY_NS
        self._series.add(what, row, None if early else due_ns)
        self._probes += 1
        self._unanswered += 1
