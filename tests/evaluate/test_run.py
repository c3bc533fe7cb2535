"""An evaluation from its runs to its report, with runs that cost next to nothing."""

import dataclasses
import json
from collections import Counter

import pytest

from tcpexp.evaluate.case import load_case, load_cases, shipped_case_names
from tcpexp.evaluate.control import parse_control
from tcpexp.evaluate.criteria import judge
from tcpexp.evaluate.evaluation import Evaluation, EvaluationOptions, Row
from tcpexp.evaluate.figures import draw_all
from tcpexp.evaluate.outcome import EvaluationResult
from tcpexp.evaluate.report import command_of, report_content, write_report
from tcpexp.evaluate.result import notes_on, write_result
from tcpexp.evaluate.rows import Collected
from tcpexp.evaluate.run import EvaluationOutcome, make_runs, stand_of
from tests.support.cheap import NAME

#: Its counter is rate / 1000 + delay in us + seed: the same for every control.
CASE = """\
name: cheap
title: A case of cheap runs
sections: ["6.1"]
about: Does the counter follow?
mixes:
  new: {flow: new}
  old: {flow: old}
criteria:
  - {id: fits, section: "6.1", title: It has <as many>, measure: segments, better: more,
    margin: 1, because: why not}
  - {id: fails, section: "6.1", title: It has a million, measure: segments, better: more,
    than: null, enough: 1e6, because: too many}
spec:
  topology: two_host
  links: {h1-h2: {rate: 10mbit, delay: 10ms}}
  record: {counters: 100ms}
  duration: 1s
  actions:
    - {at: 100ms, do: congestion_control, host: h1, algorithm: $flow}
  sweep:
    parameters: {rate: {values: [1mbit, 2mbit], set: links.h1-h2.rate}}
    repeat: 2
    quick: {parameters: {rate: 1mbit}, repeat: 3}
    measures: {segments: counters.h1.Tcp.OutSegs}
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("CHEAP_LOG", str(tmp_path / "log"))
    path = tmp_path / "cheap.yaml"
    path.write_text(CASE)

    def make(new="bbr", against=("cubic",), quick=True):
        options = EvaluationOptions(tuple(against), quick=quick, out=tmp_path, workplace=NAME)
        controls = [parse_control(name, "--against") for name in against]
        loaded = [load_case(path)]
        return Evaluation(parse_control(new, "CC"), controls, loaded, options, {"engine": "1"})

    return make


def test_runs_are_shared_between_evaluations(made):
    first = made("bbr")
    assert len(first.runs()) == len(stand_of(first).rest) == 6
    # of a control against itself both sides are the same runs
    assert len(stand_of(made("cubic")).rest) == 3
    assert {run.key for _, run in made("cubic").runs()} < {run.key for _, run in first.runs()}
    assert len(made("bbr", quick=False).runs()) == 8
    assert first.name == "bbr-against-cubic-quick"
    chosen = dataclasses.replace(first.options, cases=("cheap",), quick=False)
    other = Evaluation(first.new, first.against, first.cases, chosen, first.identity)
    assert other.name == "bbr-against-cubic-cheap"


def test_from_runs_to_a_report(made, tmp_path):
    evaluation = made()
    outcome = make_runs(evaluation, jobs=1)
    assert (outcome.total, outcome.made, outcome.left, outcome.failed) == (6, 6, 0, [])
    again = make_runs(evaluation, jobs=1)
    assert (again.found, again.made) == (6, 0)
    result = write_result(evaluation, again)
    assert isinstance(result, EvaluationResult)
    # a cheap run is SUSPECT (nothing of its network was read back), and counts for nothing
    assert dict(result.collected.certificates) == {"SUSPECT": 6}
    assert {each.result for each in result.judgements} == {"INCONCLUSIVE"}
    assert result.exit_code == 0
    page = result.report.read_text()
    assert "It has &lt;as many&gt;" in page
    for run in stand_of(evaluation).done:
        assert f'id="run-{run[1].key[:10]}"' in page
    saved = json.loads((evaluation.report_folder() / "results.json").read_text())
    assert [each["id"] for each in saved["criteria"]] == ["fits", "fails"]
    specs = sorted(path.name for path in (evaluation.report_folder() / "specs").iterdir())
    assert specs == ["cheap-flow-bbr.yaml", "cheap-flow-cubic.yaml"]
    assert command_of(evaluation) == "tcpexp evaluate bbr --against cubic"
    content = report_content(evaluation, result, tmp_path)
    assert content["figures"] == []
    assert draw_all(evaluation, [], [], tmp_path / "figures") == []


def test_what_was_not_made_cannot_pass(made):
    evaluation = made()
    result = write_result(evaluation, EvaluationOutcome(total=6, left=6))
    assert {each.result for each in result.judgements} == {"INCONCLUSIVE"}
    assert result.exit_code == 4
    assert "0 of 6 runs are complete" in result.report.read_text()


def test_the_page_of_verdicts(made, tmp_path):
    """Rows as valid runs would give them: verdicts, thresholds in words, links to runs."""
    evaluation = made()
    rows = [
        Row(
            "cheap",
            member.mix.name,
            member.mix.old,
            (("rate", "1mbit"),),
            run.seed,
            run.key,
            {"segments": 5.0},
        )
        for member, run in evaluation.runs()
    ]
    asked = evaluation.cases[0].case.criteria
    judgements = [judge("cheap", criterion, rows, ["cubic"]) for criterion in asked]
    assert [each.result for each in judgements] == ["PASS", "FAIL"]
    collected = Collected(rows, Counter({"cheap": 6}), {}, Counter({"VALID": 6}))
    result = EvaluationResult(judgements, [], collected, EvaluationOutcome(total=6, found=6))
    assert result.exit_code == 1
    page = write_report(evaluation, result, tmp_path).read_text()
    assert "segments: at least the incumbent&#39;s - 1" in page
    assert "segments: at least 1e+06" in page
    assert page.index("1 FAIL") < page.index("1 PASS") < page.index('id="criteria"')
    for _, run in evaluation.runs():
        assert f'href="#run-{run.key[:10]}"' in page


def test_every_shipped_case_can_be_played_by_a_control_that_needs_ecn(tmp_path):
    """DCTCP is refused where nothing marks unless the spec says that it is meant so."""
    options = EvaluationOptions(("cubic",), out=tmp_path, workplace=NAME)
    cubic, dctcp = parse_control("cubic", "CC"), parse_control("dctcp", "CC")
    evaluation = Evaluation(dctcp, [cubic], load_cases(), options, {"engine": "1"})
    runs = evaluation.runs()
    assert {member.loaded.case.name for member, _ in runs} == set(shipped_case_names())
    assert 100 < len({run.key for _, run in runs}) < 200
    assert "RFC 8257" in notes_on(evaluation)[0]
