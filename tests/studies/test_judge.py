"""Verdicts and figures of a study, from tables of runs made up here."""

from __future__ import annotations

import pytest

from tcpexp.studies.judge import judge_study
from tests.support.judged_study import root_law, runs_of, study_of


@pytest.mark.parametrize(
    ("expect", "result", "measured"),
    [
        (
            "power_law: {measure: goodput, along: p, exponent: -0.5, tolerance: 0.01}",
            "PASS",
            "exponent -0.500, -0.500",
        ),
        (
            "power_law: {measure: goodput, along: p, exponent: -1}",
            "FAIL",
            "exponent -0.500, -0.500",
        ),
        (
            "monotone: {measure: goodput, along: p, direction: falls}",
            "PASS",
            "no step goes the other way",
        ),
        (
            "monotone: {measure: goodput, along: p, direction: rises}",
            "FAIL",
            "not from 0.001 to 0.01 with cc = reno",
        ),
        (
            "value: {measure: goodput, at: {cc: reno}, equals: 1e6 / sqrt(p), tolerance: 1%}",
            "PASS",
            "3 of 3 combinations fit",
        ),
        (
            "value: {measure: goodput, equals: 1e6 / sqrt(p), tolerance: 1%}",
            "FAIL",
            "3 of 6 combinations fit",
        ),
        (
            "value: {measure: goodput, at: {cc: reno, p: 1%}, at_least: 9mbit, at_most: 11mbit}",
            "PASS",
            "10,000,000",
        ),
        (
            (
                "crossing: {measure: goodput, at: {cc: reno}, along: p, level: 10mbit, between:"
                " [0.9%, 1.1%]}"
            ),
            "PASS",
            "crosses at 0.01 (0.0",
        ),
        (
            (
                "crossing: {measure: goodput, at: {cc: reno}, along: p, level: 10mbit, between:"
                " [2%, 3%]}"
            ),
            "FAIL",
            "crosses at 0.01",
        ),
        (
            "crossing: {measure: goodput, along: p, level: 1gbit, between: [0, 1]}",
            "FAIL",
            "nowhere",
        ),
        (
            "difference: {measure: goodput, parameter: cc, larger: bbr, smaller: reno}",
            "PASS",
            "3 of 3 combinations",
        ),
        (
            (
                "difference: {measure: goodput, at: {p: 1%}, parameter: cc, larger: bbr, smaller:"
                " reno}"
            ),
            "PASS",
            "over 4 pairs",
        ),
        (
            "difference: {measure: goodput, parameter: cc, larger: reno, smaller: bbr}",
            "FAIL",
            "0 of 3 combinations",
        ),
        ("value: {measure: goodput, at: {p: 2%}, at_least: 1}", "INCONCLUSIVE", "not measured"),
    ],
)
def test_verdicts(tmp_path, expect, result, measured):
    study = study_of(tmp_path, expect)
    (verdict,) = judge_study(study, runs_of(study, root_law))
    assert (verdict.result, measured in verdict.measured) == (result, True), verdict


@pytest.mark.parametrize(
    "expect",
    [
        "value: {measure: goodput, at_least: 0}",
        "monotone: {measure: goodput, along: p, direction: falls}",
        "power_law: {measure: goodput, along: p, exponent: -0.5}",
        "difference: {measure: goodput, parameter: cc, larger: bbr, smaller: reno}",
        "crossing: {measure: goodput, along: p, level: 10mbit, between: [0, 1]}",
    ],
)
def test_a_missing_run_never_passes(tmp_path, expect):
    study = study_of(tmp_path, expect)
    (verdict,) = judge_study(
        study,
        runs_of(
            study, lambda cc, p, seed: None if (p, seed) == (0.01, 2) else root_law(cc, p, seed)
        ),
    )
    assert verdict.result == "INCONCLUSIVE"


def test_a_difference_within_the_noise_is_no_difference(tmp_path):
    study = study_of(
        tmp_path, "difference: {measure: goodput, parameter: cc, larger: bbr, smaller: reno}"
    )
    noise = {("bbr", 1): 5.0, ("bbr", 2): -4.0, ("bbr", 3): 3.0, ("bbr", 4): -5.0}
    (verdict,) = judge_study(
        study, runs_of(study, lambda cc, p, seed: 1e6 + noise.get((cc, seed), 0.0))
    )
    assert verdict.result == "FAIL"
    assert [row[3] for row in verdict.evidence[0].rows[1:]] == ["not larger than the noise"] * 3


def test_a_difference_is_judged_in_each_combination(tmp_path):
    """Larger on the average is not larger everywhere, and combinations that differ among each other
    are no noise.
    """
    study = study_of(
        tmp_path, "difference: {measure: goodput, parameter: cc, larger: bbr, smaller: reno}"
    )
    gain = {0.001: 1e6, 0.01: 1e3, 0.1: 1.0}
    fine = runs_of(
        study,
        lambda cc, p, seed: (
            1e6 + 1e4 * seed + (gain[p] * (1 + 0.01 * seed) if cc == "bbr" else 0.0)
        ),
    )
    assert judge_study(study, fine)[0].result == "PASS"
    gain[0.1] = -1.0
    mixed = runs_of(
        study,
        lambda cc, p, seed: (
            1e6 + 1e4 * seed + (gain[p] * (1 + 0.01 * seed) if cc == "bbr" else 0.0)
        ),
    )
    (verdict,) = judge_study(study, mixed)
    assert (verdict.result, verdict.measured) == ("FAIL", "2 of 3 combinations")


def test_a_flat_series_neither_rises_nor_falls(tmp_path):
    for direction in ("rises", "falls"):
        study = study_of(
            tmp_path,
            f"monotone: {{measure: goodput, at: {{cc: reno}}, along: p, direction: {direction}}}",
        )
        (verdict,) = judge_study(study, runs_of(study, lambda cc, p, seed: 1e6 + seed))
        assert (verdict.result, verdict.measured) == ("FAIL", "not from end to end with cc = reno")


def test_what_is_asked_of_several_combinations_is_said_as_the_spec_says_it(tmp_path):
    study = study_of(tmp_path, "value: {measure: goodput, at_least: 1e5 / sqrt(p), at_most: 1gbit}")
    (verdict,) = judge_study(study, runs_of(study, root_law))
    assert verdict.asked == "at least 1e5 / sqrt(p), at most 1gbit"


def test_a_mean_that_fits_by_luck_is_marked(tmp_path):
    study = study_of(
        tmp_path,
        "value: {measure: goodput, at: {cc: reno, p: 1%}, at_least: 9mbit, at_most: 11mbit}",
    )
    noise = {1: -4e6, 2: 4e6, 3: -3e6, 4: 3e6}
    (verdict,) = judge_study(study, runs_of(study, lambda cc, p, seed: 1e7 + noise[seed]))
    assert verdict.result == "PASS"
    assert verdict.evidence[0].rows[1][4] == "the interval reaches outside"


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ("at_most: 9.5mbit", "INCONCLUSIVE"),
        ("equals: 9.5mbit, tolerance: 1%", "INCONCLUSIVE"),
        ("at_most: 1mbit", "FAIL"),
    ],
)
def test_a_mean_that_misses_by_less_than_its_runs_vary_is_not_told_from_one_that_fits(
    tmp_path, asked, result
):
    study = study_of(tmp_path, f"value: {{measure: goodput, at: {{cc: reno, p: 1%}}, {asked}}}")
    noise = {1: -4e6, 2: 4e6, 3: -3e6, 4: 3e6}
    (verdict,) = judge_study(study, runs_of(study, lambda cc, p, seed: 1e7 + noise[seed]))
    assert verdict.result == result
    assert ("more repetitions would tell" in verdict.reason) == (result == "INCONCLUSIVE")


def test_one_combination_that_fails_outweighs_one_that_is_unsure(tmp_path):
    study = study_of(
        tmp_path, "value: {measure: goodput, at: {cc: reno}, equals: 1e6 / sqrt(p), tolerance: 1%}"
    )
    noise = {1: -0.4, 2: 0.4, 3: -0.3, 4: 0.4}
    (verdict,) = judge_study(
        study,
        runs_of(
            study,
            lambda cc, p, seed: 2e6 / p**0.5 if p == 0.1 else 1e6 / p**0.5 * (1 + noise[seed]),
        ),
    )
    assert (verdict.result, verdict.measured) == ("FAIL", "0 of 3 combinations fit")
    assert [row[4] for row in verdict.evidence[0].rows[1:]] == [
        "outside, within the noise",
        "outside, within the noise",
        "outside",
    ]
