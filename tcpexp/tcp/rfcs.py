"""The sections of the RFCs that this package cites, so that a citation of one that does not exist is found. Appendices are letters."""

from __future__ import annotations

import re
from collections.abc import Iterator


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
    1035: _expand("1-8 2.1-3 3.1-7 3.2.1-5 3.3.1-14 3.4.1-2 4.1-3 4.1.1-4 4.2.1-2 5.1-3 6.1-5 7.1-4"),
    1071: _expand("1-4 2.1 4.1"),
    1122: _expand("4.2.1 4.2.2 4.2.3 4.2.2.1-21 4.2.3.1-12"),
    2018: _expand("1-11 5.1"),
    4443: _expand("1-7 2.1-4 3.1-4 4.1-2 5.1-2"),
    4987: _expand("1-6 2.1-3 3.1-8 A"),
    5681: _expand("1-9 3.1-2 4.1-3"),
    5927: _expand("1-9 2.1-4 4.1-4 5.1-2 6.1-2 7.1-3"),
    5961: _expand("1-13 1.1-3 3.1-2 4.1-2 5.1-3 9.1-3"),
    6298: _expand("1-10 A"),
    6528: _expand("1-7 A"),
    6582: _expand("1-10 3.1-2 4.1-2 A"),
    6675: _expand("1-11 5.1"),
    7323: _expand("1-9 1.1-3 2.1-4 3.1-2 4.1-3 5.1-8 7.1 A B C D E F G H"),
    7661: _expand("1-9 4.1-5"),
    8200: _expand("1-11 4.1-8 8.1-4"),
    9293: _expand(
        "1-8 2.1-2 3.1-10 3.2.1-2 3.3.1-2 3.4.1-3 3.5.1-3 3.6.1 3.7.1-5 3.8.1-6 3.8.6.1-3 3.8.6.2.1-2 3.9.1-2 3.9.1.1-9 3.9.2.1-3 3.10.1-8 3.10.7.1-4 8.1-2 "
        "A B A.1-4 A.1.1-2"
    ),
    9438: _expand("1-8 3.1-4 4.1-10 4.1.1-2 4.9.1-2 5.1-12"),
}  # fmt: skip

_NUMBER = r"(?:\d+|[A-Z](?![A-Za-z]))(?:\.\d+)*"
_CITATION = re.compile(rf"RFC (\d+) (?:section|sections|appendix) ({_NUMBER}(?:(?:, | and | to ){_NUMBER})*)(?: \(((?:MUST-\d+(?:, )?)+)\))?")


def find_citations(text: str) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Yield (RFC, section, MUST numbers) for each ``RFC 9293 section 3.4.1 (MUST-8, MUST-9)`` in ``text``; line breaks count as blanks.

    ``sections 4.2 to 4.5`` and ``sections 3.6, 3.7 and 3.8`` yield the numbers that are named.
    """
    for rfc, sections, musts in _CITATION.findall(re.sub(r"\s+", " ", text)):
        numbers = tuple(int(number) for number in re.findall(r"MUST-(\d+)", musts))
        for section in re.split(r", | and | to ", sections):
            yield int(rfc), section, numbers
