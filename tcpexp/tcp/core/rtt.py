"""Round-trip time and retransmission timeout.

RFC 6298 section 2; how samples are weighted when there are many per round trip: RFC 7323 appendix
G.
"""

from __future__ import annotations


class RttEstimator:
    """SRTT, RTTVAR and RTO, all integer nanoseconds; ``srtt_ns`` is None before the first sample.

    RFC 6298 section 2.
    """

    __slots__ = (
        "backoffs",
        "granularity_ns",
        "latest_ns",
        "max_ns",
        "min_ns",
        "minimum_rtt_ns",
        "rto_ns",
        "rttvar_ns",
        "spread_min_ns",
        "srtt_ns",
    )

    def __init__(
        self,
        initial_ns: int,
        min_ns: int,
        max_ns: int,
        granularity_ns: int,
        spread_min_ns: int = 0,
    ) -> None:
        """Begin with RTO 1 second, or what the configuration says. RFC 6298 section 2, rule 2.1.

        The RTO is above SRTT by ``spread_min_ns`` at least.
        """
        self.spread_min_ns = spread_min_ns
        self.srtt_ns: int | None = None
        self.rttvar_ns = 0
        self.rto_ns = initial_ns
        self.min_ns = min_ns
        self.max_ns = max_ns
        self.granularity_ns = granularity_ns
        self.backoffs = 0
        self.latest_ns = 0
        self.minimum_rtt_ns: int | None = None

    def take(self, rtt_ns: int, expected_samples: int = 1) -> None:
        """Take one sample; of ``expected_samples`` per round trip each weighs that much less.

        RFC 6298 section 2 (rules 2.2 to 2.5), RFC 7323 appendix G, RFC 9293 section 3.8.1
        (MUST-18).
        """
        self.latest_ns = rtt_ns
        if self.minimum_rtt_ns is None or rtt_ns < self.minimum_rtt_ns:
            self.minimum_rtt_ns = rtt_ns
        if self.srtt_ns is None:  # rule 2.2
            self.srtt_ns = rtt_ns
            self.rttvar_ns = rtt_ns // 2
        else:  # rule 2.3, with beta = 1/4 and alpha = 1/8; RTTVAR first, from the old SRTT
            self.rttvar_ns += (abs(self.srtt_ns - rtt_ns) - self.rttvar_ns) // (
                4 * expected_samples
            )
            self.srtt_ns += (rtt_ns - self.srtt_ns) // (8 * expected_samples)
        self.backoffs = 0
        rto = self.srtt_ns + max(self.granularity_ns, 4 * self.rttvar_ns, self.spread_min_ns)
        self.rto_ns = min(max(rto, self.min_ns), self.max_ns)  # rules 2.4 and 2.5

    def back_off(self) -> None:
        """Double the timeout, up to its limit. RFC 6298 section 5, rule 5.5.

        RFC 9293 section 3.8.2 (MUST-19).
        """
        self.backoffs += 1
        self.rto_ns = min(2 * self.rto_ns, self.max_ns)

    def reinitialise_after_syn(self, least_ns: int) -> None:
        """Begin data transfer with ``least_ns`` at least, 3 seconds in the RFC, after the SYN's
        timer had expired.

        RFC 6298 section 5, rule 5.7.
        """
        self.rto_ns = min(max(self.rto_ns, least_ns), self.max_ns)
        self.backoffs = 0
