"""Accurate ECN: both ends count marks, and tell each other how many.

The three flags AE, CWR and ECE are a counter of marked packets, modulo 8 (the field ACE), and an
option counts octets by their mark. RFC 9768 section 3.2.

DEVIATION from RFC 9768 section 3.2.3.3: unless ``accecn_everywhere`` is set, the option rides on
SYN,ACKs and pure acknowledgments only, as SACK blocks do, so that data segments keep their size.
"""

from __future__ import annotations

from dataclasses import replace

from tcpexp.tcp.core.congestion.builtin import make_control
from tcpexp.tcp.core.ecnstate import Counters
from tcpexp.tcp.core.options import Options
from tcpexp.tcp.core.segment import ACK, AE, CE, CWR, ECE, ECT_0, ECT_1, NOT_ECT, RST, SYN, Segment
from tcpexp.tcp.core.tcb import Tcb

#: The IP-ECN field of a SYN or SYN,ACK to what is fed back: RFC 9768 section 3.1.2, tables 2 and 3.
HANDSHAKE = {NOT_ECT: 0b010, ECT_1: 0b011, ECT_0: 0b100, CE: 0b110}
MODULUS, OPTION_MODULUS = 8, 1 << 24
_SAFETY_FACTOR = 2
#: Octets of the option with all counters, padded.
_OPTION_ROOM = 12


def ace_flags(ace: int) -> int:
    """Return the flags whose bits are ``ace``: AE, CWR, ECE. RFC 9768 section 3.2.2."""
    return (AE if ace & 4 else 0) | (CWR if ace & 2 else 0) | (ECE if ace & 1 else 0)


def ace_of(segment: Segment) -> int:
    """Return the field ACE of a segment without SYN. RFC 9768 section 3.2.2."""
    flags = segment.flags
    return (4 if flags & AE else 0) | (2 if flags & CWR else 0) | (1 if flags & ECE else 0)


def learn_from_syn_ack(tcb: Tcb, segment: Segment) -> None:
    """Take the client's part of the agreement: what became of the SYN's field, and of the
    SYN,ACK's.

    RFC 9768 section 3.2.2.2 (a marked SYN,ACK counts once), RFC 9768 section 3.2.2.3 (a SYN that
    left without ECT and arrives with it went over a path that mangles the field).
    """
    counters = tcb.ecn.counters
    assert counters is not None
    counters.handshake = True
    if segment.ecn == CE:
        counters.r_cep = 6
    _see_stamp(counters, segment)
    if segment.options.accecn is not None:
        see_option(tcb)
    fed_back = ace_of(segment)
    # RFC 9768 section 3.1.3: the reserved (1,0,1) means that the field arrived unchanged
    if fed_back not in (HANDSHAKE[NOT_ECT], 0b101):
        tcb.ecn.willing = False
    if fed_back == HANDSHAKE[CE]:
        tcb.congestion.on_congestion(tcb.flight, tcb.now)


def see_option(tcb: Tcb) -> None:
    """Note that the peer's option gets through; where each segment then carries one, data make room
    for it.

    RFC 9768 section 3.2.3.2.
    """
    counters = tcb.ecn.counters
    assert counters is not None
    if not counters.option_seen and tcb.config.accecn_everywhere and tcb.config.accecn_option:
        _set_mss(tcb, tcb.eff_snd_mss - _OPTION_ROOM)
    counters.option_seen = True


def switch_option(tcb: Tcb, on: bool) -> None:
    """Send the option from now on, or no more: where each segment carries one, data take its room,
    or leave it. RFC 9768 section 3.2.3.3 leaves to the sender when there is one.
    """
    if on == tcb.config.accecn_option:
        return
    tcb.config = replace(tcb.config, accecn_option=on)
    counters = tcb.ecn.counters
    if counters is not None and counters.option_seen and tcb.config.accecn_everywhere:
        _set_mss(tcb, tcb.eff_snd_mss + (-_OPTION_ROOM if on else _OPTION_ROOM))


def _set_mss(tcb: Tcb, mss: int) -> None:
    """Change how much fits a segment; the first flight is not under way yet, or its window stays.

    RFC 9293 section 3.7.1 (MUST-16).
    """
    tcb.eff_snd_mss = max(1, mss)
    if tcb.snd_nxt <= tcb.iss + 1:
        tcb.congestion = make_control(tcb.eff_snd_mss, tcb.config)


def answer_syn_ack(tcb: Tcb, segment: Segment) -> None:
    """Prepare the answer to a SYN,ACK that comes again: it tells of that one's IP-ECN field.

    RFC 9768 section 3.2.2.1 (table 3).
    """
    counters = tcb.ecn.counters
    if counters is not None and segment.flags & (SYN | ACK) == SYN | ACK:
        counters.handshake, counters.syn_ecn = True, segment.ecn


def take_handshake(tcb: Tcb, segment: Segment) -> bool:
    """Take the server's part: what the acknowledgment of its SYN,ACK says. Return False where that
    is an ordinary counter.

    RFC 9768 section 3.2.2.1 (table 4, note 1).
    """
    counters = tcb.ecn.counters
    assert counters is not None
    _see_stamp(counters, segment)
    if segment.options.accecn is not None:
        see_option(tcb)
    if segment.payload or segment.options.sack:
        return False  # RFC 9768 section 3.2.2.1: only a pure acknowledgment speaks of it
    ace = ace_of(segment)
    if ace == 0:
        counters.reading = tcb.ecn.willing = False
    elif ace == HANDSHAKE[CE]:
        counters.s_cep = 6
        tcb.congestion.on_congestion(tcb.flight, tcb.now)
    if ace in (HANDSHAKE[ECT_0], HANDSHAKE[ECT_1], HANDSHAKE[CE]):
        tcb.ecn.willing = False  # RFC 9768 section 3.2.2.3: the SYN,ACK left without ECT
    return True


def count_arrival(tcb: Tcb, segment: Segment) -> None:
    """Count an acceptable segment by its mark, and say whether that asks for an acknowledgment now:
    a mark after none, and every second mark (every third without data to acknowledge).

    RFC 9768 sections 3.2.2.2 and 3.2.2.5.1.
    """
    counters = tcb.ecn.counters
    assert counters is not None
    octets = len(segment.payload)
    if segment.ecn == CE:
        counters.r_cep += 1
        counters.r_ceb += octets
        unacked = tcb.unacked_octets > 0 or octets > 0
        if (octets and counters.last_ecn != CE) or (
            counters.r_cep - counters.told_cep >= (2 if unacked else 3)
        ):
            tcb.ack_now = True
    elif segment.ecn == ECT_0:
        counters.r_e0b += octets
    elif segment.ecn == ECT_1:
        counters.r_e1b += octets
    counters.last_ecn = segment.ecn


def ace_to_send(tcb: Tcb, payload: bytes) -> int:
    """Return ACE for a segment that goes out: the counter, or in the pure acknowledgment of the
    SYN,ACK what its IP-ECN field was. RFC 9768 section 3.2.2.1, RFC 9768 section 3.2.2.2.
    """
    counters = tcb.ecn.counters
    assert counters is not None
    counters.told_cep = counters.r_cep
    if counters.handshake:
        counters.handshake = False
        if not payload:
            return HANDSHAKE[counters.syn_ecn]
    return counters.r_cep % MODULUS


def with_option(tcb: Tcb, options: Options, flags: int, payload: bytes) -> Options:
    """Return the options of a segment, with the counters of octets where they are due.

    They go with the SYN,ACK (not with one that is repeated: RFC 9768 section 3.2.3.2.2), with the
    first acknowledgment, and with every one before which a counter has changed; with SACK there
    must remain room for two blocks. Counters that never changed are left away at the end. RFC 9768
    section 3.2.3.3.
    """
    counters = tcb.ecn.counters
    if counters is None or flags & RST or not tcb.config.accecn_option:
        return options
    if tcb.config.accecn_everywhere:
        return _with_all(tcb, counters, options, flags)
    if payload:
        return options
    octets = (counters.r_e0b, counters.r_ceb, counters.r_e1b)
    if octets == counters.told_octets or (flags & SYN and tcb.out.queue[0].times > 1):
        return options
    order = tcb.config.accecn_order or int(counters.r_e1b != 1 and counters.r_e0b == 1)
    fields: tuple[int, ...] = octets[::-1] if order else octets
    initial = (1, 0, 1)
    if counters.told_octets != (0, 0, 0):  # the first option has all of them
        while len(fields) > 1 and fields[-1] == initial[len(fields) - 1]:
            fields = fields[:-1]
    blocks = options.sack[:2]
    room = 40 - (12 if options.timestamps else 0) - (4 + 8 * len(blocks) if blocks else 0)
    if flags & SYN:
        room -= 12  # MSS, window scale, SACK permitted
        room -= 0 if options.fast_open is None else 4 + len(options.fast_open)
    if 2 + 3 * len(fields) > room:
        return options
    counters.told_octets = octets
    return replace(options, sack=blocks, accecn=fields, accecn_order=order)


def _with_all(tcb: Tcb, counters: Counters, options: Options, flags: int) -> Options:
    """Return the options of a segment with all counters, or as many as there is room for.

    Once the peer's option has been seen. Of more than two SACK blocks one makes room for a counter
    that has changed. RFC 9768 sections 3.2.3.2 and 3.2.3.3.
    """
    if flags & SYN and tcb.out.queue[0].times > 1:
        return options
    if not flags & SYN and not counters.option_seen:
        return options
    order = tcb.config.accecn_order
    octets = (counters.r_e0b, counters.r_ceb, counters.r_e1b)
    ordered = octets[::-1] if order else octets
    told = counters.told_octets[::-1] if order else counters.told_octets
    changed = [at for at in range(3) if told != (0, 0, 0) and ordered[at] != told[at]]
    least = max(changed) + 1 if changed else 1
    blocks, count = options.sack, 3
    while True:
        if flags & SYN:
            taken = 12 + (0 if options.fast_open is None else 4 + len(options.fast_open))
        else:
            taken = 4 + 8 * len(blocks) if blocks else 0
        room = 40 - (12 if options.timestamps else 0) - taken
        if 2 + 3 * count <= room:
            break
        count -= 1
        if count < least:
            if len(blocks) <= 2:
                return options
            blocks, count = blocks[:-1], 3
    counters.told_octets = octets
    return replace(options, sack=blocks, accecn=ordered[:count], accecn_order=order)


def take_feedback(tcb: Tcb, segment: Segment, ack: int) -> int:
    """Return how many marks an acknowledgment adds to those known.

    One that another has superseded adds none: only what acknowledges something new, or SACKs, or
    has a newer timestamp, counts. RFC 9768 section 3.2.2.2, RFC 9768 appendix A.2.
    """
    counters = tcb.ecn.counters
    assert counters is not None
    newly_acked = ack - tcb.snd_una
    newer = _see_stamp(counters, segment)
    if not counters.reading or (newly_acked <= 0 and not segment.options.sack and not newer):
        return 0
    marked_octets = _take_option(tcb, counters, segment.options)
    least = (ace_of(segment) - counters.s_cep) % MODULUS
    packets = -(-newly_acked // tcb.eff_snd_mss) if newly_acked > 0 else 0
    if packets:
        known = counters.packets_per_ack
        counters.packets_per_ack = known + (packets - known) / 64 if known else packets
    # RFC 9768 appendix A.2.1: as many as the field may hide, if so many could have been marked
    safest = max(least, packets - (packets - least) % MODULUS)
    if safest > least and marked_octets is not None:
        # RFC 9768 appendix A.2.2: the octets say whether the field can have gone round
        fits = marked_octets <= tcb.eff_snd_mss * least
        if fits and marked_octets * _SAFETY_FACTOR < tcb.eff_snd_mss * safest:
            safest = least
    elif tcb.config.accecn_thinned and counters.packets_per_ack > tcb.config.accecn_thinned:
        safest = least
    counters.s_cep += safest
    return safest


def _see_stamp(counters: Counters, segment: Segment) -> bool:
    """Note TSval; return whether it has changed. RFC 9768 appendix A.2."""
    stamps = segment.options.timestamps
    if stamps is None or stamps[0] == counters.last_stamp:
        return False
    counters.last_stamp = stamps[0]
    return True


def _take_option(tcb: Tcb, counters: Counters, options: Options) -> int | None:
    """Take the octet counters; return the octets newly marked CE, None where none are told.

    RFC 9768 section 3.2.3.1, RFC 9768 appendix A.1.
    """
    fields = options.accecn
    if fields is None:
        return None
    see_option(tcb)
    order = ("s_e1b", "s_ceb", "s_e0b") if options.accecn_order else ("s_e0b", "s_ceb", "s_e1b")
    marked = 0
    for name, field in zip(order, fields, strict=False):
        known = getattr(counters, name)
        grown = (field - known) % OPTION_MODULUS
        setattr(counters, name, known + grown)
        if name == "s_ceb":
            marked = grown
    return marked
