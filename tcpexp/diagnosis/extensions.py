"""Findings about Fast Open (RFC 7413), MPTCP (RFC 8684) and signs of SYN cookies (RFC 4987)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.handshake import Opening
from tcpexp.diagnosis.lanes import many

Row = dict[str, Any]
_FAST_OPEN = "RFC 7413 section 4.1"
#: Linux puts what a SYN offered into the lowest bits of the cookie's time stamp
#: (net/ipv4/syncookies.c, cookie_init_timestamp): the scale or 15, SACK, ECN.
_SCALE_BITS, _NO_SCALE, _SACK_BIT, _ECN_BIT, _STAMP_MASK = 0xF, 0xF, 1 << 4, 1 << 5, 0x3F
#: One SYN-ACK in 64 has these bits by chance: so many in a row are no chance.
_ENOUGH = 3


def find_fast_open(opening: Opening) -> Iterator[Finding]:
    """Yield what a SYN with data, or with the option, was for."""
    syns, answers = opening.of(True, with_ack=False), opening.of(False, with_ack=True)
    for row in syns[:1]:
        cookie, size = row["fast_open"], row["payload_bytes"]
        if cookie is None and not size:
            return
        answer = answers[0] if answers else None
        rows = [row, *answers[:1]]
        if cookie is None:
            yield opening.say(
                "syn_data",
                f"The SYN carries {many(size, 'byte')} without Fast Open's option."
                + _taken(answer, size),
                rows,
                because="allowed, and not delivered before the handshake is over; or Fast Open"
                " with its experimental option, or without a cookie",
                sure="likely",
                source="RFC 9293 section 3.10.7.4",
                by="client",
            )
        elif cookie == 0:
            given = answer is not None and answer["fast_open"]
            more = (
                f" The server gives one of {answer['fast_open']} bytes."
                if answer is not None and given
                else " The server gives none."
                if answer is not None
                else ""
            )
            yield opening.say(
                "fast_open", f"The client asks for a Fast Open cookie.{more}", rows,
                source=_FAST_OPEN, by="client",
            )  # fmt: skip
        else:
            yield opening.say(
                "fast_open",
                f"The client opens with a Fast Open cookie of {cookie} bytes and"
                f" {many(size, 'byte')} of data." + _taken(answer, size),
                rows,
                source=_FAST_OPEN,
                by="client",
            )


def _taken(answer: Row | None, size: int) -> str:
    if answer is None or answer["ack_to"] is None:
        return ""
    if answer["ack_to"] >= 1 + size:
        return " The server took all of it." if size else ""
    if answer["ack_to"] <= 1:
        return " The server did not take the data: it acknowledges only the SYN." if size else ""
    return f" The server took {answer['ack_to'] - 1} of them."


def find_mptcp(opening: Opening) -> Iterator[Finding]:
    """Yield whether a connection is one of MPTCP, or a subflow of another."""
    syns, answers = opening.of(True, with_ack=False), opening.of(False, with_ack=True)
    for row in syns[:1]:
        words = row["mptcp"] or ""
        kind = "MP_JOIN" if "MP_JOIN" in words else "MP_CAPABLE" if "MP_CAPABLE" in words else None
        if kind is None:
            return
        answer = answers[0] if answers else None
        accepted = answer is not None and kind in (answer["mptcp"] or "")
        offer = (
            "The client offers MPTCP"
            if kind == "MP_CAPABLE"
            else "A further subflow of an MPTCP connection"
            + (f" (token {row['mptcp_token']:#010x})" if row["mptcp_token"] is not None else "")
        )
        if answer is None:
            text = f"{offer}; the answer was not captured."
        elif accepted:
            text = f"{offer}, and the server agrees."
        else:
            text = f"{offer}; the server's SYN-ACK has no {kind}: plain TCP."
        yield opening.say("mptcp", text, [row, *answers[:1]], source="RFC 8684 section 3.1")


def find_cookies(openings: Sequence[Opening]) -> Iterator[Finding]:
    """Yield the signs of SYN cookies that a server of Linux leaves in the time stamps of its
    SYN-ACKs.
    """
    by_server: dict[tuple[str, int], list[tuple[Opening, bool]]] = {}
    for opening in openings:
        syns, answers = opening.of(True, with_ack=False), opening.of(False, with_ack=True)
        if syns and answers and answers[0]["ts_val"] is not None:
            answer = answers[0]
            fits = answer["ts_val"] & _STAMP_MASK == _encoded(syns[-1])
            place = (answer["src"], answer["src_port"])
            by_server.setdefault(place, []).append((opening, fits))
    for known in by_server.values():
        fitting = [opening for opening, fits in known if fits]
        if len(fitting) < _ENOUGH:
            continue
        for opening in fitting:
            answer = opening.of(False, with_ack=True)[0]
            yield opening.say(
                "syn_cookie",
                "The SYN-ACK looks like one with a SYN cookie: the lowest bits of its time stamp"
                " hold what the SYN offered.",
                [answer],
                sure="likely",
                because=f"{len(fitting)} of {len(known)} SYN-ACKs of this server look so; by chance"
                " one of 64 does",
                source="RFC 4987 section 3.6, Linux net/ipv4/syncookies.c",
                by="server",
            )


def _encoded(syn: Row) -> int:
    scale = _NO_SCALE if syn["wscale"] is None else syn["wscale"] & _SCALE_BITS
    ecn = {"E", "C"} <= set(syn["flags"])
    return scale | (_SACK_BIT if syn["sack_permitted"] else 0) | (_ECN_BIT if ecn else 0)
