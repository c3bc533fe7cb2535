"""Citations: every function names its section, every section exists, and the table of MUSTs is that
of the code.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp.musts import MUSTS, NOT_MET
from tcpexp.tcp.rfcs import DRAFTS, SECTIONS, find_citations, find_draft_citations
from tools.docs.tcp_musts import HERE, TOOLS, find_docstrings, find_met

PLACES = list(find_docstrings())
WITH_ADAPTERS = list(find_docstrings(leave_out=tuple(tool for tool in TOOLS if tool != "adapters")))


def test_every_function_of_the_protocol_names_its_section() -> None:
    """Dunder methods other than ``__init__`` follow no RFC."""
    silent = [
        f"{place.module}.{place.name}"
        for place in PLACES
        if place.function
        and not list(find_citations(place.text))
        and not list(find_draft_citations(place.text))
    ]
    assert [name for name in silent if not name.endswith("__") or name.endswith("__init__")] == []


def test_every_cited_section_exists() -> None:
    cited = [
        (path.name, rfc, section)
        for path in HERE.rglob("*.py")
        if path.name != "rfcs.py"
        for rfc, section, _ in find_citations(path.read_text())
    ]
    assert len(cited) > 300
    assert [one for one in cited if one[2] not in SECTIONS.get(one[1], ())] == []


def test_every_cited_section_of_a_draft_is_listed() -> None:
    cited = {
        one
        for path in HERE.rglob("*.py")
        if path.name != "rfcs.py"
        for one in find_draft_citations(path.read_text())
    }
    assert len(cited) > 20
    assert sorted(one for one in cited if one[1] not in DRAFTS.get(one[0], ())) == []


def test_a_requirement_is_cited_with_its_own_section() -> None:
    for place in WITH_ADAPTERS:
        for rfc, section, numbers in find_citations(place.text):
            assert not numbers or rfc == 9293, place
            for number in numbers:
                assert MUSTS[number][0] == section, f"{place}: MUST-{number}"


def test_each_requirement_is_met_or_explained_and_not_both() -> None:
    assert sorted(MUSTS) == list(range(1, 70))
    assert find_met().keys() | NOT_MET.keys() == MUSTS.keys()
    assert find_met().keys() & NOT_MET.keys() == set()


def test_no_requirement_is_cited_in_another_form() -> None:
    """Each ``MUST-n`` in a docstring is inside a citation, or it would not be in the table."""
    for place in WITH_ADAPTERS:
        inside = [number for _, _, numbers in find_citations(place.text) for number in numbers]
        assert place.text.count("MUST-") == len(inside), place


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RFC 9293 section 3.4.1 (MUST-8, MUST-9).", [(9293, "3.4.1", (8, 9))]),
        (
            "RFC 9438 sections 4.2 to 4.5, RFC 7323\n    appendix G.",
            [(9438, "4.2", ()), (9438, "4.5", ()), (7323, "G", ())],
        ),
        (
            "RFC 5961 sections 3.2, 4.2 and 5.2; see there",
            [(5961, "3.2", ()), (5961, "4.2", ()), (5961, "5.2", ())],
        ),
        ("no citation of RFC 793", []),
    ],
)
def test_the_form_of_a_citation(text: str, found: list[object]) -> None:
    assert list(find_citations(text)) == found
