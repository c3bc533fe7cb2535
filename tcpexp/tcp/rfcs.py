"""The sections of the RFCs that this package cites, so that a citation of one that does not exist
is found. Appendices are letters.

How the lists were made: that of RFC 9293 was compared with its full text by ``compare_texts``
below, those of ``CONTENTS_READ`` with the tables of contents of the RFCs' texts. Of RFC 4987, RFC
5927 and RFC 6582 sections 3.6, 5.2 and 3.2 were read, and RFC 9768's from a late draft of it; all
else is written from memory. ``python -m
tcpexp.tcp.rfcs FOLDER`` compares all lists with the texts in a folder (``rfc9293.txt`` and so on,
as the RFC Editor publishes them), and the MUST numbers of RFC 9293 with the sections where it has
them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tcpexp.tcp.musts import MUSTS


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
    1337: _expand("1-3"),
    2018: _expand("1-11 5.1"),
    2883: _expand("1-6 4.1-3 5.1-4"),
    3168: _expand(
        "1-23 5.1-3 6.1-2 6.1.1-6 6.1.1.1-2 8.1 9.1-2 11.1-2 18.1-2 18.1.1-4 19.1-3 20.1-2 23.1-2"
    ),
    3465: _expand("1-7 2.1-4"),
    4015: _expand("1-8 3.1-4"),
    4443: _expand("1-7 2.1-4 3.1-4 4.1-2 5.1-2"),
    4987: _expand("1-6 2.1-3 3.1-8 A"),
    5681: _expand("1-9 3.1-2 4.1-3 9.1-2"),
    5682: _expand("1-8 2.1-2 3.1-2 A"),
    5927: _expand("1-9 2.1-4 4.1-4 5.1-2 6.1-2 7.1-3"),
    5961: _expand("1-13 1.1-3 3.1-2 4.1-2 5.1-2 9.1-3 13.1-2"),
    6298: _expand("1-10 A"),
    6528: _expand("1-7 A"),
    6582: _expand("1-10 3.1-2 4.1-2 A"),
    6675: _expand("1-11 5.1"),
    7323: _expand("1-9 1.1-4 2.1-4 3.1-2 4.1-3 5.1-8 7.1 9.1-2 A B B.1-2 C D E F G H"),
    7413: _expand("1-11 1.1 2.1-2 4.1-2 4.1.1-3 4.1.3.1 4.2.1-2 5.1-3 6.1-3 7.1-3 A A.1-2"),
    7661: _expand("1-7 1.1-2 4.1-5 4.4.1-3 4.5.1-3 7.1-2"),
    8200: _expand("1-11 4.1-8 8.1-4"),
    8985: _expand("1-12 1.1-2 3.1-6 3.3.1-2 5.1-4 6.1-3 7.1-4 7.4.1-2 9.1-5 12.1-2"),
    9293: _expand(
        "1-8 2.1-2 3.1-10 3.2.1-2 3.3.1-2 3.4.1-3 3.5.1-3 3.6.1 3.7.1-5 3.8.1-6 3.8.6.1-3"
        " 3.8.6.2.1-2 3.9.1-2 3.9.1.1-9 3.9.2.1-3 3.10.1-8 3.10.7.1-4 8.1-2 A B A.1-4 A.1.1-2"
    ),
    9406: _expand("1-8 4.1-3 8.1-2"),
    9438: _expand("1-8 3.1-4 4.1-10 4.1.1-2 4.9.1-2 5.1-10 8.1-2 A B"),
    9768: _expand(
        "1-9 1.1-4 2.1-5 3.1-3 3.1.1-5 3.1.4.1-2 3.2.1-3 3.2.2.1-5 3.2.2.5.1-2 3.2.3.1-3"
        " 3.2.3.2.1-5 3.3.1-4 5.1-3 9.1-2 A A.1-4 A.2.1-2 B B.1-3"
    ),
    9937: _expand("1-14 6.1-4 11.1-2"),
}

#: The same for drafts that are cited, by name without its number; from memory, of version 4.
DRAFTS: dict[str, frozenset[str]] = {
    "draft-ietf-ccwg-bbr": _expand(
        "1-9 4.1 4.1.1-2 4.1.2.1-4 5.1-6 5.2.1-3 5.3.1-4 5.3.1.1-3 5.3.3.1-6 5.3.3.5.1-4 5.3.4.1-4"
        " 5.4.1-2 5.5.1-10 5.5.2.1-3 5.5.10.1-3 5.6.1-4 5.6.4.1-7"
    ),
}

#: Whose lists were compared with the tables of contents, in 2026.
CONTENTS_READ = (5681, 5961, 6675, 7323, 7661, 9438)

_DRAFT = re.compile(r"(draft-[a-z-]+[a-z]) sections? ((?:\d+(?:\.\d+)*(?:, | and | to )?)+)")
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


def find_draft_citations(text: str) -> Iterator[tuple[str, str]]:
    """Yield (draft, section) for each ``draft-ietf-ccwg-bbr section 5.3`` in ``text``."""
    for draft, sections in _DRAFT.findall(re.sub(r"\s+", " ", text)):
        for section in re.split(r", | and | to ", sections):
            if section:
                yield draft, section


_HEADING = re.compile(
    r"^(?:Appendix )?((?:\d+|[A-Z])(?:\.\d+)*)\.? {1,3}(?=\S)(?!.*\. \.|.*\.\.\.\.)"
)


def find_sections(text: str) -> dict[str, str]:
    """Return the sections of an RFC's text, by number, each with its words on one line.

    Headings begin at the left margin.

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
