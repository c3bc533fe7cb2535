"""Runs to rows: victims of pairs, completion times, percentiles."""

import pytest

from tcpexp.evaluate.case import Completions
from tcpexp.evaluate.evaluation import Row
from tcpexp.evaluate.rows import completion_times, pair_rows, problem_of, quantile


def pair(mix, left, right=None, key="k"):
    values = {"goodput_left": left} | ({} if right is None else {"goodput_right": right})
    return Row("pairs", mix, None, (), 1, key, values)


def test_each_flow_of_a_pair_is_a_victim_of_the_other():
    made = {
        row.mix: row.values["goodput"]
        for row in pair_rows(
            [
                pair("bbr|", 10.0),
                pair("cubic|", 9.0),
                pair("bbr|cubic", 7.0, 2.0),
                pair("cubic|cubic", 4.0, 6.0),
                pair("bbr|bbr", 5.0, 4.0),
            ],
            "bbr",
            ["cubic"],
        )
    }
    assert made == {
        "new|": 10.0,
        "old|": 9.0,
        "new|old": 7.0,
        "old|new": 2.0,
        "old|old": 5.0,
        "new|new": 4.5,
    }


def test_a_control_against_itself_is_both():
    rows = pair_rows([pair("cubic|", 9.0), pair("cubic|cubic", 4.0, 6.0)], "cubic", ["cubic"])
    assert {row.mix: row.values["goodput"] for row in rows} == {
        "old|": 9.0,
        "new|": 9.0,
        "old|old": 5.0,
        "old|new": 5.0,
        "new|old": 5.0,
        "new|new": 5.0,
    }


def test_a_pair_of_two_incumbents_is_of_the_matrix_only():
    assert pair_rows([pair("cubic|reno", 5.0, 4.0)], "bbr", ["cubic", "reno"]) == []


def metrics(number, completion_s, end_s, size):
    head = f"flows.short{number}"
    return {
        f"{head}.completion_s": completion_s,
        f"{head}.end_ns": end_s * 1e9,
        f"{head}.goodput_bytes": size,
    }


def test_a_flow_that_did_not_end_counts_with_the_time_that_it_had():
    """The second has 10 kB of 20 kB when the run ends at 10 s; its SYN went out at 4 s."""
    found = metrics(1, 0.5, 2, 15_100) | metrics(2, 3, 7, 10_000) | metrics(10, 0.25, 9, 20_050)
    found |= {"flows.shorty.completion_s": 9.0, "flows.long.completion_s": 9.0}
    wanted = Completions(flows="short", bytes=["15kB", "20kB"])
    assert completion_times(found, wanted, 10.0) == (500.0, 6000.0, 250.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 3), (0.95, 5), (0.2, 1), (0.21, 2), (1.0, 5)])
def test_a_percentile_is_one_of_the_values(share, value):
    assert quantile([5, 1, 4, 2, 3], share) == value


def test_only_runs_with_a_valid_certificate_count():
    assert problem_of({"status": "complete", "certificate": "VALID"}) is None
    assert "SUSPECT: too late" in problem_of(
        {"status": "complete", "certificate": "SUSPECT", "reasons": ["too late"]}
    )
    assert problem_of({"status": "failed", "error": "no"}) == "no"
