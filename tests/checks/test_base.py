"""The base class, comparators, and what every built-in check must do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import ClassVar

import pydantic
import pytest
import yaml

from tcpexp.checks import BUILTIN
from tcpexp.checks.base import Check, Undecided, Verdict, unknown_references
from tcpexp.checks.goodput import Goodput
from tcpexp.checks.segments import Segments
from tcpexp.errors import SpecError
from tests.support.checked_run import CheckedRun, S, throughput


def validate(name: str, **given: object) -> Check:
    return BUILTIN[name].model_validate({key.rstrip("_"): value for key, value in given.items()})


def goodput(**given: object) -> Goodput:
    return Goodput.model_validate({"flow": "one", **given})


@pytest.mark.parametrize("model", BUILTIN.values(), ids=BUILTIN)
def test_every_check_is_documented_and_its_example_is_valid(model: type[Check]) -> None:
    check = model.model_validate(yaml.safe_load(model.example))
    assert (model.__doc__ or "").strip() and check.title() and check.asked()
    for name, field in model.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize("model", BUILTIN.values(), ids=BUILTIN)
def test_a_run_that_recorded_nothing_passes_no_check(model: type[Check], tmp_path) -> None:
    run = CheckedRun(tmp_path / "run")
    (run.path / "raw" / "engine.json").unlink()
    given = yaml.safe_load(model.example)
    flows = {
        "bbr": "one",
        "reno": "one",
        "cubic": "two",
        "first": "one",
        "second": "two",
        "upload": "one",
        "download": "one",
    }
    words = {**flows, "reader": "get", "sender": "get", "lose_20": "get"}
    text = json.dumps(given)
    for word, known in words.items():
        text = text.replace(f'"{word}"', f'"{known}"')
    verdict = model.model_validate(json.loads(text)).judge(run.data())
    assert verdict.result in ("INCONCLUSIVE", "UNSUPPORTED"), verdict
    assert "there is no" not in verdict.reason


def test_importing_the_checks_is_cheap() -> None:
    code = (
        "import sys, tcpexp.checks; print([name for name in ('polars', 'matplotlib', 'numpy',"
        " 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given", "value", "holds"),
    [
        ({"equals": "10mbit"}, 10e6, True),
        ({"equals": "10mbit"}, 10e6 + 1, False),
        ({"equals": "10mbit", "tolerance": "5%"}, 10.5e6, True),
        ({"equals": "10mbit", "tolerance": "5%"}, 9.49e6, False),
        ({"equals": "10mbit", "tolerance": "1mbit"}, 9e6, True),
        ({"equals": "10mbit", "tolerance": "1mbit"}, 8.99e6, False),
        ({"at_least": "1mbit"}, 1e6, True),
        ({"at_least": "1mbit"}, 999_999, False),
        ({"at_most": "1mbit"}, 1e6, True),
        ({"at_most": "1mbit"}, 1_000_001, False),
        ({"above": "1mbit"}, 1e6, False),
        ({"above": "1mbit"}, 1_000_001, True),
        ({"below": "1mbit"}, 1e6, False),
        ({"below": "1mbit"}, 999_999, True),
        ({"at_least": "1mbit", "at_most": "2mbit"}, 2_000_001, False),
    ],
)
def test_comparators(given: dict[str, str], value: float, holds: bool) -> None:
    assert goodput(**given).holds(value) is holds


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "asks nothing"),
        ({"tolerance": "5%"}, "belongs to equals"),
        ({"at_least": "2mbit", "at_most": "1mbit"}, "nothing can pass"),
        ({"at_least": "2"}, "no unit"),
        ({"at_least": "2mbit", "between": ["5s", "1s"]}, "ends before it begins"),
        ({"at_leest": "2mbit"}, "Extra inputs"),
    ],
)
def test_bad_comparators_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        goodput(**given)


def test_what_is_asked_is_said_in_words() -> None:
    check = goodput(between=["1s", "90s"], at_least="8.5mbit", at_most="1gbit")
    assert check.asked() == "at least 8.5 Mbit/s and at most 1 Gbit/s"
    assert check.title() == "goodput of flow one from 1 s to 90 s"
    assert goodput(equals="10mbit", tolerance="5%").asked() == "10 Mbit/s ± 5 %"


def test_references_are_found_in_lists_and_behind_aliases() -> None:
    share = validate("share", flow="one", of=["one", "two"], at_least=0.5)
    assert list(share.references()) == [("flow", "one"), ("flow", "one"), ("flow", "two")]
    segments = Segments.model_validate({"kind": "syn", "from": "h1", "to": "h2", "count": 1})
    assert list(segments.references()) == [("host", "h1"), ("host", "h2")]


def test_an_unknown_name_is_said_with_a_suggestion(run: CheckedRun) -> None:
    check = goodput(at_least="1mbit", flow="onne")
    assert unknown_references(check, run.plan) == [
        "there is no flow 'onne' in this experiment; did you mean 'one'?"
    ]
    verdict = check.judge(run.data())
    assert verdict.result == "INCONCLUSIVE" and "did you mean 'one'" in verdict.reason


def test_check_run_writes_every_verdict_and_reads_them_again(run: CheckedRun) -> None:
    import dataclasses

    from tcpexp.checks.run import check_run, load_checks

    run.fill("packets", []).fill("throughput", throughput("one", 8_000_000, 0, 10 * S))
    expect = (
        {"goodput": {"flow": "one", "at_least": "7mbit", "because": "it is alone"}},
        {"goodput": {"flow": "one", "at_least": "9mbit"}},
        {"goodput": {"flow": "two", "at_least": "1mbit"}},
        {"goodput": {"flow": "one", "at_least": "1apple"}},
        {"no_such_check": {"because": "of this"}},
    )
    run.plan = dataclasses.replace(run.plan, expect=expect)
    run.write()
    verdicts = check_run(run.data())
    assert [verdict.result for verdict in verdicts] == [
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
        "INCONCLUSIVE",
        "INCONCLUSIVE",
    ]
    assert verdicts[0].because == "it is alone" and verdicts[0].measured == "8 Mbit/s"
    assert verdicts[4].because == "of this" and "unknown check" in verdicts[4].reason
    assert load_checks(run.path) == verdicts
    summary = json.loads((run.path / "checks.json").read_text())["summary"]
    assert summary == {"FAIL": 1, "INCONCLUSIVE": 3, "PASS": 1}


def test_a_damaged_checks_file_is_named(run: CheckedRun) -> None:
    from tcpexp.checks.run import load_checks
    from tcpexp.errors import DataError

    assert load_checks(run.path) == []
    (run.path / "checks.json").write_text('{"verdicts": [{"check"')
    with pytest.raises(DataError, match=r"checks\.json: damaged"):
        load_checks(run.path)


def test_a_check_that_crashes_is_inconclusive(run: CheckedRun) -> None:
    from tcpexp.checks.run import judge_entry
    from tcpexp.registry import Registry

    class Crash(Check):
        name: ClassVar[str] = "crash"

        def evaluate(self, data: object) -> Verdict:
            raise ZeroDivisionError("division by zero")

    class Shy(Check):
        name: ClassVar[str] = "shy"

        def evaluate(self, data: object) -> Verdict:
            raise Undecided("too little data")

    registry: Registry[type[Check]] = Registry("check")
    registry.add("crash", Crash)
    registry.add("shy", Shy)
    assert "ZeroDivisionError" in judge_entry(run.data(), registry, "crash", {}).reason
    assert judge_entry(run.data(), registry, "shy", {}).reason == "too little data."
    with pytest.raises(SpecError):
        registry.get("chrash")


@pytest.mark.parametrize(
    ("release", "given", "applies"),
    [
        ("6.1.0-56-cloud-amd64", {"before_kernel": "6.5"}, True),
        ("6.1.0-56-cloud-amd64", {"since_kernel": "6.5"}, False),
        ("6.18.44", {"since_kernel": "6.5"}, True),
        ("6.18.44", {"before_kernel": "6.5"}, False),
        ("6.5.0", {"since_kernel": "6.5", "before_kernel": "6.18"}, True),
    ],
)
def test_a_check_about_another_kernel_is_left_out(
    release: str, given: dict[str, str], applies: bool, tmp_path
) -> None:
    run = CheckedRun(tmp_path / "run").says(versions={"kernel": release})
    assert goodput(at_least="1mbit", **given).applies(run.data()) is applies


def test_a_run_that_does_not_name_its_kernel_passes_no_check_about_kernels(tmp_path) -> None:
    with pytest.raises(Undecided, match="which kernel"):
        goodput(at_least="1mbit", since_kernel="6.5").applies(CheckedRun(tmp_path / "run").data())


@pytest.mark.parametrize("version", [6.5, "6", "new"])
def test_a_kernel_version_is_a_text_with_two_numbers(version: object) -> None:
    with pytest.raises(pydantic.ValidationError, match="not a kernel version"):
        goodput(at_least="1mbit", since_kernel=version)


def test_a_check_that_no_kernel_could_pass_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="no kernel is since"):
        goodput(at_least="1mbit", since_kernel="6.5", before_kernel="6.5")


def test_checks_that_are_left_out_are_named_with_what_they_are_about(run: CheckedRun) -> None:
    import dataclasses

    from tcpexp.checks.run import check_run, left_out_words

    given = {"flow": "one", "at_least": "1mbit"}
    about = ({}, {"before_kernel": "6.5"}, {"since_kernel": "6.5"}, {"ip": 6})
    expect = tuple({"goodput": {**given, **more}} for more in about)
    run.plan = dataclasses.replace(run.plan, expect=expect)
    run.says(versions={"kernel": "6.12.1"}).write()
    assert left_out_words(run.data()) == ""  # not judged yet
    assert [verdict.number for verdict in check_run(run.data())] == [1, 3]
    assert left_out_words(run.data()) == (
        "Left out: check 2 (about Linux before 6.5), check 4 (about IPv6)."
    )
