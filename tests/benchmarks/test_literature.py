"""docs/concepts/literature.md belongs to the facts and to literature.json, every experiment and
study that it names ships, and its verdicts are computed.
"""

import dataclasses
import functools
import json
import re
from pathlib import Path

import literature
import polars as pl
import pytest
from published.data import Fact, Take, load_facts
from published.judging import verdict
from published.page import tables_of, verdict_of
from published.reading import Measured, of_run, of_study, take_of_run
from published.running import folder_of, newest_run
from published.studies import SHOWN

from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import shipped_specs, shipped_studies

DOCS = Path(__file__).resolve().parents[2] / "docs" / "concepts"
FACTS = load_facts()
STUDIES = {path.stem: path for path in shipped_studies()}
EXPERIMENTS = {path.stem for path in shipped_specs()}


@functools.cache
def _sweep(study):
    return load_spec(STUDIES[study]).sweep


def _numbers():
    return json.loads((DOCS / "literature.json").read_text())


def test_the_page_is_current():
    numbers, page = _numbers(), (DOCS / "literature.md").read_text()
    assert literature.written(page, numbers) == page, "python benchmarks/literature.py"
    blocks = {match[2] for match in literature.BLOCK.finditer(page) if match[2]}
    assert blocks == set(SHOWN)
    assert set(numbers["studies"]) <= set(SHOWN)
    names = {fact.name for fact in FACTS}
    assert all(set(facts) <= names for facts in numbers["facts"].values())


def test_there_are_forty_facts_that_are_measured():
    facts = _numbers()["facts"]
    assert "7.3" in facts
    for kernel, kept in facts.items():
        assert len(kept) >= 40, kernel


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_a_fact_names_what_ships_and_says_why(fact):
    assert fact.source and fact.read and fact.says and fact.because and fact.published
    if fact.experiment:
        assert fact.experiment in EXPERIMENTS
        return
    sweep = _sweep(fact.study)
    (take,) = fact.takes.values()
    assert take.measure in sweep.measures
    assert set(take.at) <= set(sweep.parameters)


@pytest.mark.parametrize("study", sorted(SHOWN))
def test_the_columns_of_a_study_are_its_parameters_and_measures(study):
    sweep = _sweep(study)
    assert {column.name for column in SHOWN[study]} <= {*sweep.parameters, *sweep.measures}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_what_does_not_come_out_is_explained(fact):
    facts = _numbers()["facts"]
    found = {verdict_of(fact, facts, kernel) for kernel in facts}
    assert fact.note or found <= {"yes", "not measured"}


def test_every_certificate_is_valid():
    for kernel, facts in _numbers()["facts"].items():
        for name, kept in facts.items():
            assert kept["certificate"] == "VALID", (kernel, name)


FACT = Fact(
    name="gap",
    group="Timers",
    says="The gap",
    source="RFC 1, section 2",
    read="RFC",
    published="1 s",
    allowed=(1.0, 1.1),
    because="a step",
    unit="s",
    takes={"value": Take(table="packets", column="t_ns", as_="gaps", scale=1e-9)},
    experiment="dead_host",
)


@pytest.mark.parametrize(
    ("kind", "low", "value", "high", "word"),
    [
        ("range", 1.0, 1.05, 1.1, "yes"),
        ("range", 1.0, 1.05, 1.2, "no"),
        ("mean", 0.9, 1.05, 1.2, "yes"),
        ("mean", 1.05, 1.15, 1.25, "open"),
        ("mean", 1.15, 1.2, 1.25, "no"),
    ],
)
def test_a_range_lies_within_as_a_whole_and_a_mean_by_itself(kind, low, value, high, word):
    assert verdict(FACT, Measured(value, low, high, 5, kind)) == word


def test_a_number_of_a_run_is_taken_from_its_table(tmp_path):
    (tmp_path / "tables").mkdir()
    frame = pl.DataFrame({"flags": ["S", "S", "A", "S"], "t_ns": [0, 10**9, 11 * 10**8, 3 * 10**9]})
    frame.write_parquet(tmp_path / "tables" / "packets.parquet")
    take = dataclasses.replace(FACT.takes["value"], rows={"flags": "S"})
    fact = dataclasses.replace(FACT, takes={"value": take})
    assert of_run(fact, tmp_path) == Measured(1.5, 1.0, 2.0, 2, "range")
    ratios = dataclasses.replace(fact, of="ratios")
    assert of_run(ratios, tmp_path).value == 2.0
    first = dataclasses.replace(take, as_="min")
    both = dataclasses.replace(FACT, takes={"a": take, "b": first}, is_="a - b", digits=1)
    assert of_run(both, tmp_path).high == 2.0
    none = dataclasses.replace(
        fact, takes={"value": dataclasses.replace(take, rows={"flags": "F"})}
    )
    assert of_run(none, tmp_path) is None


def test_times_of_rises_and_percentiles_are_taken(tmp_path):
    (tmp_path / "tables").mkdir()
    frame = pl.DataFrame({"t_ns": [0, 10, 20, 30, 40], "drops": [0, 1, 1, None, 2]})
    frame.write_parquet(tmp_path / "tables" / "queues.parquet")
    take = Take(table="queues", column="drops", as_="rise_times")
    assert take_of_run(take, tmp_path) == [10.0, 40.0]
    assert take_of_run(dataclasses.replace(take, skip=1, only=1), tmp_path) == [40.0]
    journeys = pl.DataFrame({"sent_ns": range(300), "queueing_ns": range(300)})
    journeys.write_parquet(tmp_path / "tables" / "journeys.parquet")
    take = Take(table="journeys", column="queueing_ns", between=(0.0, 2e-7), as_="p99")
    assert take_of_run(take, tmp_path) == [197.0]


def test_a_command_can_be_pasted_into_a_shell():
    fact = dataclasses.replace(FACT, settings=("links.h1-h2={rate: 1mbit}", "duration=9s"))
    assert fact.command == (
        "tcpexp run dead_host --set 'links.h1-h2={rate: 1mbit}' --set duration=9s"
    )


def _table(tmp_path, rows):
    folder = tmp_path / "tables" / "runs"
    folder.mkdir(parents=True)
    pl.DataFrame(rows).write_parquet(folder / "part-0.parquet")
    return tmp_path


STUDY = dataclasses.replace(
    FACT,
    experiment=None,
    study="mathis",
    takes={"value": Take(measure="constant", at={"losses": "periodic"})},
)


def test_a_number_of_a_study_is_a_mean_with_its_interval(tmp_path):
    folder = _table(
        tmp_path,
        {
            "run": [0, 1, 2, 3],
            "cell": [0, 0, 0, 1],
            "losses": ["periodic"] * 3 + ["random"],
            "p": [0.1, 0.1, 0.1, 0.1],
            "constant": [1.0, 1.1, 1.2, 9.0],
        },
    )
    found = of_study(STUDY, folder)
    assert found.value == pytest.approx(1.1) and found.count == 3 and found.kind == "mean"
    assert found.low == pytest.approx(1.1 - 4.3027 * 0.1 / 3**0.5)
    part = dataclasses.replace(STUDY, is_="constant / 2")
    assert of_study(part, folder).value == pytest.approx(0.55)


def test_several_combinations_are_a_range_and_may_be_an_exponent(tmp_path):
    folder = _table(
        tmp_path,
        {
            "run": [0, 1, 2],
            "cell": [0, 1, 2],
            "losses": ["periodic"] * 3,
            "p": [0.01, 0.04, 0.16],
            "constant": [8.0, 4.0, 2.0],
        },
    )
    found = of_study(STUDY, folder)
    assert (found.low, found.value, found.high, found.kind) == (2.0, 4.0, 8.0, "range")
    law = of_study(dataclasses.replace(STUDY, of="exponent along p"), folder)
    assert law.value == pytest.approx(-0.5)


def test_the_page_says_what_was_measured_and_whether_it_is_so():
    kept = {"value": 1.05, "low": 1.0, "high": 1.2, "count": 3, "kind": "range"}
    text = tables_of([FACT], {"7.3": {"gap": kept}}, ["7.3"])
    assert "1 facts. Linux 7.3: 1 no." in text
    assert "| The gap | 1 s | 1.05 s (1.00 to 1.20, 3 times) | no | 1 to 1.1 s: a step |" in text
    assert "| RFC 1, section 2 | `tcpexp run dead_host` |" in text


def test_kernels_that_differ_are_told_apart():
    kept = {"value": 1.05, "low": 1.05, "high": 1.05, "count": 1, "kind": "range"}
    facts = {"7.3": {"gap": kept}, "6.1": {"gap": kept | {"high": 2.0}}}
    assert "| 7.3: yes, 6.1: no |" in tables_of([FACT], facts, ["7.3", "6.1"])


def test_other_settings_have_a_folder_of_their_own(tmp_path):
    own = dataclasses.replace(FACT, settings=("duration=9s",))
    assert folder_of(FACT, tmp_path, "7.3") == tmp_path / "7.3" / "runs" / "dead_host"
    assert folder_of(own, tmp_path, "7.3").parent != folder_of(FACT, tmp_path, "7.3").parent
    assert own.command == "tcpexp run dead_host --set duration=9s"


def test_only_a_complete_run_counts(tmp_path):
    for name, status in (("1", "complete"), ("2", "aborted")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text("{}")
        (tmp_path / name / "manifest.json").write_text(json.dumps({"status": status}))
    assert newest_run(tmp_path) == tmp_path / "1"
    assert newest_run(tmp_path / "1") is None


def _study(tmp_path, failed=()):
    folder = _table(
        tmp_path / "syn_schedule-quick",
        {
            "run": [0, 1],
            "cell": [0, 0],
            "certificate": ["VALID", "SUSPECT"],
            "retries": [6.0, 6.0],
            "syns": [7.0, 7.0],
            "last_syn": [63.9, 64.1],
            "given_up": [129.5, None],
        },
    )
    (folder / "cells" / "a").mkdir(parents=True)
    identity = {"image": "0123456789abcdef", "kernel": "fedcba98765432"}
    (folder / "cells" / "a" / "cell.json").write_text(json.dumps({"identity": identity}))
    summary = {
        "failed": list(failed),
        "left": 0,
        "tables_sha256": "f" * 64,
        "verdicts": [{"result": "PASS"}, {"result": "FAIL"}, {"result": "PASS"}],
    }
    (folder / "results.json").write_text(json.dumps(summary))
    return folder


def test_a_study_becomes_a_table_of_means(tmp_path):
    name, kept = literature.collect(_study(tmp_path))
    text = literature.table_of(name, {"7.3": kept})
    assert kept["rows"] == [["6", "7", "64.00", "129.50"]]
    assert "Linux 7.3 (`fedcba987654`): `tcpexp sweep syn_schedule --quick`" in text
    assert "2 runs (1 SUSPECT, 1 VALID), expectations 1 FAIL, 2 PASS" in " ".join(text.split())


def test_two_kernels_stand_beside_each_other(tmp_path):
    _, kept = literature.collect(_study(tmp_path))
    old = kept | {"rows": [["5", "6", "31.00", "63.00"], ["6", "7", "63.90", "128.00"]]}
    text = literature.table_of("syn_schedule", {"6.1": old, "7.3": kept})
    rows = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    assert rows == [
        "| 6 | 7 | 7 | 64.00 | 63.90 | 129.50 | 128.00 |",
        "| 5 | - | 6 | - | 31.00 | - | 63.00 |",
    ]


def test_a_study_with_failed_runs_is_not_taken(tmp_path):
    with pytest.raises(SystemExit, match="1 runs failed"):
        literature.collect(_study(tmp_path, failed=["x"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wrong": 1}, "unknown"),
        ({"study": "mathis"}, "one of experiment and study"),
        ({"allowed": [None, None]}, "forbids nothing"),
        ({"take": {"tables": "packets"}}, "a take has no"),
    ],
)
def test_a_mistake_in_the_data_is_named(tmp_path, change, message):
    import yaml

    raw = {
        "name": "x", "says": "x", "source": "x", "read": "x", "published": 1, "allowed": [1, 1],
        "because": "x", "experiment": "dead_host", "take": {"metric": "a"},
    }  # fmt: skip
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"group": "g", "facts": [raw | change]}))
    with pytest.raises(ValueError, match=message):
        load_facts(tmp_path)
