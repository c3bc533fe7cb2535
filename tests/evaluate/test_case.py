"""Cases: those that ship are whole, and mistakes in one's own are told at their place."""

import pytest

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.evaluate.case import load_case, load_cases, shipped_case_names
from tcpexp.evaluate.coverage import BBR_CASES, NOT_MEASURED, SECTIONS, draft_cases_of, sections_of

CASES = [loaded.case for loaded in load_cases()]


def test_names_and_ids_are_unique_and_names_are_of_files():
    assert [case.name for case in CASES] == shipped_case_names()
    ids = [criterion.id for case in CASES for criterion in case.criteria]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_says_why(case):
    for criterion in case.criteria:
        assert len(criterion.because) > 40
        assert criterion.section in SECTIONS
        assert criterion.margin or criterion.factor > 1 or criterion.enough is not None
    assert set(case.sections) <= set(SECTIONS)
    assert {criterion.section for criterion in case.criteria} <= set(case.sections)
    assert case.criteria


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_measures_are_there(case):
    measures = set(case.spec["sweep"]["measures"])
    measures |= {f"{name}_{end}" for name in case.completions for end in ("p50", "p95")}
    if case.mixes == "pairs":
        measures = {name.removesuffix("_left") for name in measures if name.endswith("_left")}
    for criterion in case.criteria:
        assert set(criterion.measure) <= measures


def test_every_section_is_measured_or_says_why_not():
    asked = sections_of(CASES)
    assert {section for section, ids in asked.items() if not ids} == set(NOT_MEASURED)


def test_the_draft_s_cases_are_those_of_the_draft():
    assert len(BBR_CASES) == len(set(BBR_CASES)) == 22
    assert sum(bool(cases) for cases in draft_cases_of(CASES).values()) == 18


def test_an_unknown_case_is_suggested():
    with pytest.raises(SpecError, match=r"no case 'pear'.*pairs"):
        load_cases(("pear",))


OWN = """\
name: own
title: Mine
sections: ["6.1"]
about: Something.
mixes: {new: {flow: new}, old: {flow: old}}
criteria:
  - {id: c, section: "6.1", title: T, measure: m, better: less, of: newer, because: why}
spec: {}
"""


def test_a_mistake_in_one_s_own_case_has_its_place(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    with pytest.raises(SpecErrors, match="no mix 'newer'; did you mean 'new'"):
        load_case(path)
    path.write_text(OWN.replace("better: less", "better: fewer"))
    with pytest.raises(SpecErrors) as found:
        load_case(path)
    assert f"{path}:7:" in str(found.value)
