"""``tcpexp evaluate`` as far as it can be seen without a guest, and one tiny real evaluation."""

import json

import pytest

from tcpexp import paths
from tcpexp.cli.main import main
from tcpexp.evaluate.case import shipped_case_names


def test_the_list_of_cases(capsys):
    assert main(["evaluate", "--list"]) == 0
    text = capsys.readouterr().out
    assert "pairs       Two long flows share a bottleneck (RFC 9743 5.2, 5.2.1, 6.1" in text
    assert main(["evaluate", "--list", "--json", "--cases", "iot,pairs"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["iot", "pairs"]
    assert rows[1]["criteria"][0]["section"] == "5.2.1"
    assert len(shipped_case_names()) >= 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument 'CC...'"),
        (["bbrr"], "did you mean 'bbr'?"),
        (["bbr", "--against", "cubik"], "did you mean 'cubic'?"),
        (["bbr", "--cases", "pear"], "there is no case 'pear'"),
        (["no_such.c"], "there is no file no_such.c"),
        (["bbr", "--on", "host"], "'host' is not one of"),
        (["bbr", "--jobs", "0"], "0 is not in the range"),
    ],
)
def test_mistakes(arguments, words, capsys):
    assert main(["evaluate", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.full
def test_a_real_evaluation_of_cubic_against_itself(tmp_path, capsys):
    """Both sides are the same runs: nothing fails, and one run suffices."""
    given = ["evaluate", "cubic", "--against", "cubic", "--cases", "incast,iot", "--json"]
    assert main([*given, "--out", str(tmp_path)]) == 0
    (value,) = json.loads(capsys.readouterr().out)
    assert {each["id"]: each["result"] for each in value["criteria"]} == {
        "incast": "PASS",
        "incast_loss": "PASS",
        "low_rate": "PASS",
        "low_rate_loss": "PASS",
    }
    assert (value["runs"]["total"], value["runs"]["certificates"]) == (2, {"VALID": 2})


@pytest.mark.full
def test_a_greedy_control_fails_where_it_must(tmp_path, capsys):
    source = str(paths.experiments_dir() / "congestion" / "greedy.c")
    given = ["evaluate", source, "--against", "cubic", "--cases", "shallow,ecn", "--json"]
    assert main([*given, "--out", str(tmp_path)]) == 1
    (value,) = json.loads(capsys.readouterr().out)
    results = {each["id"]: each["result"] for each in value["criteria"]}
    assert {name for name, result in results.items() if result == "FAIL"} == {
        "shallow_loss",
        "ecn_response",
    }
