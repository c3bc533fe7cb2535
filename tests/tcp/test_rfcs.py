"""The comparison of the lists of sections with the RFCs' texts, on a text in their form."""

from __future__ import annotations

from pathlib import Path

from tcpexp.tcp.rfcs import CONTENTS_READ, SECTIONS, compare_texts, find_sections

TEXT = """\
Table of Contents

   1.  Introduction  . . . . . . . . . . . . . . . . . . . . . . . .   1

1.  Introduction

   Words that go
   over two lines.

   2.  is no heading: it is indented.

5.  nor this, which cannot come next

2.  Method
2.1.  Inside
2.2.  Inside too

   It MUST be so (MUST-1).

3.  Results
Appendix A.  More
A.1.  Inside
"""


def test_sections_and_their_words() -> None:
    found = find_sections(TEXT)
    assert list(found) == ["1", "2", "2.1", "2.2", "3", "A", "A.1"]
    assert "Words that go over two lines." in found["1"]
    assert "MUST-1" in found["2.2"]


def test_differences_are_named_both_ways(tmp_path: Path) -> None:
    (tmp_path / "rfc6528.txt").write_text(TEXT)
    said = list(compare_texts(tmp_path))
    assert "RFC 6528 section 7: listed, but not in the text" in said
    assert "RFC 6528 section 2.1: in the text, but not listed" in said
    assert "RFC 9293: no text" in said
    assert not any(line.startswith("RFC 6528 section 3:") for line in said)


def test_a_must_in_another_section_is_named(tmp_path: Path) -> None:
    (tmp_path / "rfc9293.txt").write_text(TEXT)
    assert "MUST-1: listed in section 3.1, in the text in 2.2" in list(compare_texts(tmp_path))


def test_what_was_read_is_listed() -> None:
    assert set(CONTENTS_READ) < SECTIONS.keys()
