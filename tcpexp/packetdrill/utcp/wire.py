"""Between a script's numbers and those of the wire: sequence numbers, timestamps, options, flags.

Source: map_inbound_packet and map_outbound_live_packet of run_packet.c in
github.com/google/packetdrill.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Ip, Option, Packet, Tcp
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.options import COOKIE_SIZES, NONE, Options
from tcpexp.tcp.core.segment import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, Segment

MASK = 0xFFFFFFFF
_LETTERS = (
    ("S", SYN),
    ("F", FIN),
    ("R", RST),
    ("P", PSH),
    ("U", URG),
    ("E", ECE),
    ("W", CWR),
    ("C", CWR),
    ("A", AE),
    (".", ACK),
)
_ECN = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}


class Unmapped(Exception):
    """A script echoes a timestamp that the TCP never sent: the words for it."""


@dataclass
class Numbers:
    """What a connection's numbers in the script are on the wire.

    ``isn`` and ``remote_isn`` are the wire's initial sequence numbers, ``script_isn`` is the one of
    ours that the script's SYN has.
    """

    local: int
    remote: Endpoint
    isn: int = 0
    script_isn: int = 0
    remote_isn: int | None = None
    first_stamp: tuple[int, int] | None = None
    stamps: dict[int, int] = field(default_factory=dict)
    syn_data_acked: bool = False

    def to_wire(self, packet: Packet) -> Segment:
        """Return the segment that a packet of the script, which arrives, is on the wire.

        Raises: Unplayable for an option that this TCP's segments have no room for; Unmapped.
        """
        content = packet.content
        assert isinstance(content, Tcp) and content.seq is not None
        syn = "S" in content.flags
        flags = sum({bit for letter, bit in _LETTERS if letter in content.flags})
        if content.ace is not None:
            flags |= (AE if content.ace & 4 else 0) | (CWR if content.ace & 2 else 0)
            flags |= ECE if content.ace & 1 else 0
        ours = self.isn - (self.script_isn if syn else 0)
        theirs = 0 if syn else self.remote_isn or 0
        ports = packet.ports or (0, 0)
        segment = Segment(
            ports[0] or self.remote.port,
            ports[1] or self.local,
            (content.seq + theirs) & MASK,
            ((content.ack or 0) + ours) & MASK if flags & ACK else 0,
            flags,
            content.window or 0,
            bytes(content.length),
            self._options(content, ours),
            content.urgent or 0,
        )
        if packet.ip.ecn is not None:
            segment.ecn = _ECN[packet.ip.ecn]
        elif packet.ip.tos is not None:
            segment.ecn = packet.ip.tos & 3
        return segment

    def _options(self, content: Tcp, ours: int) -> Options:
        found = Options()
        for option in content.options or ():
            if option.kind == "mss":
                found.mss = option.value
            elif option.kind == "wscale":
                found.window_scale = min(option.value or 0, 14)
            elif option.kind == "sackOK":
                found.sack_permitted = True
            elif option.kind == "sack":
                found.sack = tuple(
                    ((left + ours) & MASK, (right + ours) & MASK) for left, right in option.blocks
                )
            elif option.kind == "TS":
                found.timestamps = (option.value or 0, self._echo(option, content))
            elif option.kind == "FO":
                cookie = bytes.fromhex(option.data)
                if not cookie or len(cookie) in COOKIE_SIZES:  # as decode_options() does
                    found.fast_open = cookie
            elif option.kind == "ECN":
                found.accecn = tuple(count for _, count in option.counts)
                found.accecn_order = int(option.counts[0][0] == "e1b") if option.counts else 0
            elif option.kind not in ("nop", "eol"):
                raise Unplayable(f"the TCP option {option.kind}")
        return found if content.options else NONE

    def _echo(self, option: Option, content: Tcp) -> int:
        echo = option.echo or 0
        if "." not in content.flags:
            return echo
        if echo in self.stamps:
            return self.stamps[echo]
        if self.first_stamp is not None:
            script, live = self.first_stamp
            return (echo - script + live) & MASK
        raise Unmapped(f"unable to infer live TS ecr for script TS ecr {echo}")

    def to_script(self, segment: Segment, ttl: int, dscp: int) -> Packet:
        """Return a segment that went out in the script's numbers, timestamps still the wire's."""
        syn = bool(segment.flags & SYN)
        ours = self.isn - (self.script_isn if syn else 0)
        theirs = 0 if syn else self.remote_isn or 0
        letters = "".join(
            letter for letter, bit in _LETTERS if segment.flags & bit and letter != "C"
        )
        content = Tcp(
            letters,
            (segment.seq - ours) & MASK,
            len(segment.payload),
            (segment.ack - theirs) & MASK if segment.flags & ACK else None,
            segment.window,
            segment.urgent or None,
            self._seen_options(segment.options, theirs),
        )
        return Packet("out", content, Ip(tos=dscp << 2 | segment.ecn, ttl=ttl))

    def _seen_options(self, options: Options, theirs: int) -> tuple[Option, ...]:
        found = []
        if options.mss is not None:
            found.append(Option("mss", options.mss))
        if options.window_scale is not None:
            found.append(Option("wscale", options.window_scale))
        if options.sack_permitted:
            found.append(Option("sackOK"))
        if options.timestamps is not None:
            found.append(Option("TS", options.timestamps[0], echo=options.timestamps[1]))
        if options.sack:
            blocks = tuple(((a - theirs) & MASK, (b - theirs) & MASK) for a, b in options.sack)
            found.append(Option("sack", blocks=blocks))
        if options.fast_open is not None:
            found.append(Option("FO", data=options.fast_open.hex()))
        if options.accecn is not None:
            names = ("e1b", "ceb", "e0b") if options.accecn_order else ("e0b", "ceb", "e1b")
            found.append(Option("ECN", counts=tuple(zip(names, options.accecn, strict=False))))
        return tuple(found)

    def stamp(self, script: Tcp, seen: Tcp) -> tuple[int, int] | None:
        """Learn how the script's timestamps lie to the wire's; return both values, in the
        script's numbers, to compare.
        """
        wanted = next((each for each in script.options or () if each.kind == "TS"), None)
        found = next((each for each in seen.options or () if each.kind == "TS"), None)
        if wanted is None or found is None:
            return None
        script_value, live_value = wanted.value or 0, found.value or 0
        self.stamps[script_value] = live_value
        if self.first_stamp is None:
            self.first_stamp = (script_value, live_value)
        first_script, first_live = self.first_stamp
        return script_value, (first_script + live_value - first_live) & MASK
