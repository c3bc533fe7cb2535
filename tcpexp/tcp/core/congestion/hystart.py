"""HyStart++: end the first slow start when the round trip grows, before the queue overflows.

RFC 9406 section 4.2. First with care: for five rounds the window grows a quarter as fast
(conservative slow start); if the round trip shrinks again, it was no queue, and slow start goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

MS = 1_000_000
# RFC 9406 section 4.3
MIN_RTT_THRESH_NS, MAX_RTT_THRESH_NS, MIN_RTT_DIVISOR = 4 * MS, 16 * MS, 8
N_RTT_SAMPLE = 8
CSS_GROWTH_DIVISOR, CSS_ROUNDS = 4, 5
#: L, without pacing: RFC 9406 section 4.3.
LIMIT_SEGMENTS = 8


@dataclass(slots=True)
class HyStart:
    """The variables of RFC 9406 section 4.2; times in nanoseconds, None is infinity."""

    window_end: int | None = None
    last_round_min_ns: int | None = None
    current_round_min_ns: int | None = None
    samples: int = 0
    css_baseline_ns: int | None = None
    css_rounds: int = 0  # rounds of conservative slow start, the present one included; 0: none

    @property
    def conservative(self) -> bool:
        """Whether this is conservative slow start. RFC 9406 section 4.2."""
        return self.css_rounds > 0

    def growth(self, octets: int, smss: int) -> int:
        """Return by how much an acknowledgment of ``octets`` opens the window.

        RFC 9406 section 4.2: cwnd grows by min(N, L * SMSS), in conservative slow start by a
        quarter of that.
        """
        grown = min(octets, LIMIT_SEGMENTS * smss)
        return grown // CSS_GROWTH_DIVISOR if self.conservative else grown

    def on_ack(self, rtt_ns: int | None, snd_una: int, snd_nxt: int) -> bool:
        """Take an acknowledgment in slow start; return whether slow start is over.

        RFC 9406 section 4.2.
        """
        if self.window_end is None:
            self.window_end = snd_nxt
        if rtt_ns is not None:
            least_ns = self.current_round_min_ns
            self.current_round_min_ns = rtt_ns if least_ns is None else min(least_ns, rtt_ns)
            self.samples += 1
            if self.samples >= N_RTT_SAMPLE:
                self._judge()
        if snd_una < self.window_end:
            return False
        return self._begin_round(snd_nxt)

    def _judge(self) -> None:
        """Compare this round's least round trip with the last one's, or with the one that began
        conservative slow start. RFC 9406 section 4.2.
        """
        current_ns, last_ns = self.current_round_min_ns, self.last_round_min_ns
        assert current_ns is not None
        if self.conservative:
            assert self.css_baseline_ns is not None
            if current_ns < self.css_baseline_ns:  # it was no queue: slow start goes on
                self.css_baseline_ns, self.css_rounds = None, 0
        elif last_ns is not None:
            threshold_ns = max(
                MIN_RTT_THRESH_NS, min(last_ns // MIN_RTT_DIVISOR, MAX_RTT_THRESH_NS)
            )
            if current_ns >= last_ns + threshold_ns:
                self.css_baseline_ns, self.css_rounds = current_ns, 1

    def _begin_round(self, snd_nxt: int) -> bool:
        """Begin a round, which lasts until what is sent by now is acknowledged; return whether the
        rounds of conservative slow start are over, of which the first may have been a part of one.

        RFC 9406 section 4.2.
        """
        self.window_end = snd_nxt
        self.last_round_min_ns, self.current_round_min_ns = self.current_round_min_ns, None
        self.samples = 0
        if self.conservative:
            self.css_rounds += 1
        return self.css_rounds > CSS_ROUNDS
