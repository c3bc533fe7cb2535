"""The sections of the RFCs that this package cites, so that a citation of one that does not exist
is found. Appendices are letters.

How the lists were made: that of RFC 9293 was compared with its full text by ``compare_texts``
below, those of ``CONTENTS_READ`` with the tables of contents of the RFCs' texts. Of RFC 4987, RFC
5927 and RFC 6582 sections 3.6, 5.2 and 3.2 were read; all else is written from memory. ``python -m
tcpexp.tcp.rfcs FOLDER`` compares all lists with the texts in a folder (``rfc9293.txt`` and so on,
as the RFC Editor publishes them), and the MUST numbers of RFC 9293 with the sections where it has
them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path


def _expand(text: str) -> frozenset[str]:
    """Return the section numbers in ``text``: words, where ``3.1-4`` stands for 3.1 to 3.4."""
    found = set()
    for word in text.split():
        head, _, last = word.partition("-")
        stem, _, first = head.rpartition(".")
        numbers = range(int(first), int(last) + 1) if last else (first,)
        found |= {f"{stem}.{number}" if stem else str(number) for number in numbers}
    return frozenset(found)


#: RFC number to the numbers of its sections.
SECTIONS: dict[int, frozenset[str]] = {
    791: _expand("1 2 3 2.1-4 3.1-3"),
    1035: _expand(
        "1-8 2.1-3 3.1-7 3.2.1-5 3.3.1-14 3.4.1-2 4.1-3 4.1.1-4 4.2.1-2 5.1-3 6.1-5 7.1-4"
    ),
    1071: _expand("1-4 2.1 4.1"),
    1122: _expand("4.2.1 4.2.2 4.2.3 4.2.2.1-21 4.2.3.1-12"),
    2018: _expand("1-11 5.1"),
    4443: _expand("1-7 2.1-4 3.1-4 4.1-2 5.1-2"),
    4987: _expand("1-6 2.1-3 3.1-8 A"),
    5681: _expand("1-9 3.1-2 4.1-3 9.1-2"),
    5927: _expand("1-9 2.1-4 4.1-4 5.1-2 6.1-2 7.1-3"),
    5961: _expand("1-13 1.1-3 3.1-2 4.1-2 5.1-2 9.1-3 13.1-2"),
    6298: _expand("1-10 A"),
    6528: _expand("1-7 A"),
    6582: _expand("1-10 3.1-2 4.1-2 A"),
    6675: _expand("1-11 5.1"),
    7323: _expand("1-9 1.1-4 2.1-4 3.1-2 4.1-3 5.1-8 7.1 9.1-2 A B B.1-2 C D E F G H"),
    7661: _expand("1-7 1.1-2 4.1-5 4.4.1-3 4.5.1-3 7.1-2"),
    8200: _expand("1-11 4.1-8 8.1-4"),
    9293: _expand(
        "1-8 2.1-2 3.1-10 3.2.1-2 3.3.1-2 3.4.1-3 3.5.1-3 3.6.1 3.7.1-5 3.8.1-6 3.8.6.1-3"
        " 3.8.6.2.1-2 3.9.1-2 3.9.1.1-9 3.9.2.1-3 3.10.1-8 3.10.7.1-4 8.1-2 A B A.1-4 A.1.1-2"
    ),
    9438: _expand("1-8 3.1-4 4.1-10 4.1.1-2 4.9.1-2 5.1-10 8.1-2 A B"),
}

#: Whose lists were compared with the tables of contents, in 2026.
CONTENTS_READ = (5681, 5961, 6675, 7323, 7661, 9438)

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

_NUMBER = r"(?:\d+|[A-Z](?![A-Za-z]))(?:\.\d+)*"
_CITATION = re.compile(
    rf"RFC (\d+) (?:section|sections|appendix) ({_NUMBER}(?:(?:, | and | to ){_NUMBER})*)(?:"
    r" \(((?:MUST-\d+(?:, )?)+)\))?"
)


def find_citations(text: str) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Yield (RFC, section, MUST numbers) for each ``RFC 9293 section 3.4.1 (MUST-8, MUST-9)`` in
    ``text``; line breaks count as blanks.

    ``sections 4.2 to 4.5`` and ``sections 3.6, 3.7 and 3.8`` yield the numbers that are named.
    """
    for rfc, sections, musts in _CITATION.findall(re.sub(r"\s+", " ", text)):
        numbers = tuple(int(number) for number in re.findall(r"MUST-(\d+)", musts))
        for section in re.split(r", | and | to ", sections):
            yield int(rfc), section, numbers


_HEADING = re.compile(
    r"^(?:Appendix )?((?:\d+|[A-Z])(?:\.\d+)*)\.? {1,3}(?=\S)(?!.*\. \.|.*\.\.\.\.)"
)


def find_sections(text: str) -> dict[str, str]:
    """Return the sections of an RFC's text, by number, each with its words on one line; headings
    begin at the left margin.

    Only a number that can follow the section before it begins one, because a numbered list may
    stand at the margin too.
    """
    found: dict[str, list[str]] = {}
    seen, current = "0", ""
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading and heading[1] not in found and heading[1] in _successors(seen):
            seen = current = heading[1]
            found[current] = []
        elif current:
            found[current].append(line.strip())
    return {number: " ".join(lines) for number, lines in found.items()}


def _successors(number: str) -> set[str]:
    """Return the section numbers that can come next: the first one inside, and the next one on each
    level; after the numbers, A.
    """
    parts = number.split(".")
    nexts = {f"{number}.1"} if number != "0" else set()
    for depth in range(len(parts), 0, -1):
        head, last = parts[: depth - 1], parts[depth - 1]
        nexts.add(".".join([*head, str(int(last) + 1) if last.isdigit() else chr(ord(last) + 1)]))
    return nexts | ({"A"} if parts[0].isdigit() else set())


def compare_texts(folder: Path) -> Iterator[str]:
    """Yield what differs between the lists here and the RFCs' texts in ``folder``.

    Texts that are not there are named.
    """
    for rfc, listed in SECTIONS.items():
        path = folder / f"rfc{rfc}.txt"
        if not path.is_file():
            yield f"RFC {rfc}: no text"
            continue
        sections = find_sections(path.read_text(encoding="utf-8", errors="replace"))
        yield from (
            f"RFC {rfc} section {number}: listed, but not in the text"
            for number in sorted(listed - sections.keys())
        )
        yield from (
            f"RFC {rfc} section {number}: in the text, but not listed"
            for number in sorted(sections.keys() - listed)
        )
        if rfc == 9293:
            for must, (section, _) in MUSTS.items():
                inside = [
                    number
                    for number, words in sections.items()
                    if re.search(rf"MUST- ?{must}\b", words) and number != "B"
                ]
                # MUST-22 stands in the summary, appendix B, alone
                if inside and section not in inside:
                    yield (
                        f"MUST-{must}: listed in section {section}, in the text in"
                        f" {', '.join(inside)}"
                    )


if __name__ == "__main__":
    print(*compare_texts(Path(sys.argv[1])), sep="\n")
