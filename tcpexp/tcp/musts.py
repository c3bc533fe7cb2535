"""What RFC 9293 marks MUST, each with its section, and what of it this TCP does not meet."""

from __future__ import annotations

#: Number of the requirement to its section and, in a few words, what it wants.
MUSTS: dict[int, tuple[str, str]] = {
    1: ("3.1", "treat the window as an unsigned number"),
    2: ("3.1", "compute the checksum of what is sent"),
    3: ("3.1", "check the checksum of what arrives"),
    4: ("3.1", "know the options end, no-operation and maximum segment size"),
    5: ("3.1", "take an option in any segment"),
    6: ("3.1", "ignore unknown options"),
    7: ("3.1", "cope with an illegal option length"),
    8: ("3.4.1", "a clock drives the initial sequence number"),
    9: ("3.4.1", "nobody outside can compute it"),
    10: ("3.5", "simultaneous open"),
    11: ("3.5", "SYN-RECEIVED remembers where it came from"),
    12: ("3.6", "the application learns of an abort"),
    13: ("3.6.1", "stay in TIME-WAIT for 2 MSL"),
    14: ("3.7.1", "send and take the MSS option"),
    15: ("3.7.1", "without it, send 536 octets (IPv6: 1220)"),
    16: ("3.7.1", "the effective send MSS is the smaller limit, less options"),
    17: ("3.7.4", "Nagle's algorithm can be switched off"),
    18: ("3.8.1", "Karn's algorithm"),
    19: ("3.8.2", "slow start, congestion avoidance, exponential back-off"),
    20: ("3.8.3", "thresholds R1 and R2 for retransmissions"),
    21: ("3.8.3", "the application can set R2"),
    22: ("3.8.3", "the same for SYNs"),
    23: ("3.8.3", "R2 for SYNs is 3 minutes or more"),
    24: ("3.8.4", "keep-alives can be switched on and off"),
    25: ("3.8.4", "and are off by default"),
    26: ("3.8.4", "are sent on idle connections only"),
    27: ("3.8.4", "after an interval that can be set"),
    28: ("3.8.4", "of 2 hours or more by default"),
    29: ("3.8.4", "one unanswered probe ends nothing"),
    30: ("3.8.5", "the urgent mechanism"),
    31: ("3.8.5", "urgent data of any length"),
    32: ("3.8.5", "the application is told of urgent data"),
    33: ("3.8.5", "and can learn how much is left"),
    34: ("3.8.6", "survive a window that shrinks"),
    35: ("3.8.6", "probe when the window is closed"),
    36: ("3.8.6.1", "zero-window probes"),
    37: ("3.8.6.1", "a peer that answers them may keep its window closed"),
    38: ("3.8.6.2.1", "silly-window avoidance of the sender"),
    39: ("3.8.6.2.2", "silly-window avoidance of the receiver"),
    40: ("3.8.6.3", "an acknowledgment waits less than 0.5 seconds"),
    41: ("3.9.1.1", "a passive OPEN leaves other connections alone"),
    42: ("3.9.1.1", "listen on a port that has connections"),
    43: ("3.9.1.1", "OPEN can name the local address"),
    44: ("3.9.1.1", "else ask IP for it"),
    45: ("3.9.1.1", "and use the same in all segments of a connection"),
    46: ("3.9.1.1", "no OPEN to broadcast or multicast"),
    47: ("3.9.1.8", "report errors asynchronously"),
    48: ("3.9.1.9", "the application can set the differentiated services field"),
    49: ("3.9.2", "the time to live can be set"),
    50: ("3.9.2", "ignore IP options that TCP does not know"),
    51: ("3.9.2.1", "the application can set a source route"),
    52: ("3.9.2.1", "which overrides a received one"),
    53: ("3.9.2.1", "return a received source route"),
    54: ("3.9.2.2", "act on ICMP errors"),
    55: ("3.9.2.2", "discard a source quench"),
    56: ("3.9.2.2", "do not abort on a soft error"),
    57: ("3.9.2.3", "discard segments to broadcast or multicast"),
    58: ("3.10.7.4", "aggregate acknowledgments"),
    59: ("3.10.7.4", "process all that is queued before acknowledging"),
    60: ("3.9.1.2", "do not hold data back for ever"),
    61: ("3.9.1.2", "PSH on the last segment"),
    62: ("3.8.5", "the urgent pointer shows to the octet after urgent data"),
    63: ("3.9.2.3", "discard segments from invalid addresses"),
    64: ("3.2", "options at any alignment"),
    65: ("3.2", "no MSS option without SYN"),
    66: ("3.4", "with a zero window, take RST, URG and ACK"),
    67: ("3.7.1", "the MSS offered follows from what IP can receive"),
    68: ("3.1", "a length in all options but end and no-operation"),
    69: ("3.1", "pad options with zeros"),
}

#: What is not met, and why.
NOT_MET: dict[int, str] = {
    51: (
        "**Not met.** No IP source routes: Linux and most routers drop packets that carry one, as"
        " RFC 7126 advises; none would arrive."
    ),
    52: "**Not met**, for the reason of MUST-51: where no route is sent, none overrides another.",
    53: (
        "**Not met**, for the reason of MUST-51: a received route is ignored, as every IP option"
        " (MUST-50), and so is not returned."
    ),
}
