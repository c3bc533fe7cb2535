"""A spec as the page asks for it: errors at their place, knobs, programs that need a yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp import paths
from tcpexp.lab.examine import programs_of
from tcpexp.spec.overrides import apply_overrides
from tcpexp.spec.yaml12 import parse_yaml
from tests.support.labs import PLAIN_NAME, LabClient, make_lab

SPEC = """\
name: own
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms}
seed: 3
duration: 5s
knobs:
  - {path: links.h1-h2.rate, label: the bottleneck, range: {from: 1mbit, to: 9mbit, steps: 3}}
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: one, until: 5s}
"""


def shipped_text(name: str) -> str:
    path = paths.shipped_spec(name)
    assert path is not None
    return path.read_text(encoding="utf-8")


def knobs_of(answer) -> dict[str, dict]:
    return {knob["path"]: knob for knob in answer.json()["knobs"]}


def test_a_shipped_spec_has_knobs_and_no_errors(lab: LabClient) -> None:
    answer = lab.examine("bbr_vs_cubic")
    found = answer.json()
    assert (answer.status_code, found["errors"]) == (200, [])
    assert found["text"] == shipped_text("bbr_vs_cubic")
    assert knobs_of(answer)["links.h1-h2.rate"]["value"] == "10mbit"


def test_what_a_spec_says_of_links_and_flows_are_knobs(lab: LabClient) -> None:
    knobs = knobs_of(lab.examine(PLAIN_NAME))
    assert {"links.h1-h2.rate", "links.h1-h2.queue", "links.h1-h2.loss", "seed"} <= set(knobs)
    assert (knobs["links.h1-h2.loss"]["value"], knobs["seed"]["value"]) == ("", "3")
    assert "bbr" in knobs["actions[0].congestion_control"]["values"]
    assert {"5mbit", "10mbit", "20mbit"} <= set(knobs["links.h1-h2.rate"]["values"])


def test_a_knob_is_written_into_the_text(lab: LabClient) -> None:
    answer = lab.examine("bbr_vs_cubic", knobs={"links.h1-h2.rate": "20mbit"})
    text = answer.json()["text"]
    wanted = apply_overrides(
        parse_yaml(shipped_text("bbr_vs_cubic"), "x").raw,
        ["links.h1-h2.rate=20mbit"],
    )
    assert parse_yaml(text, "x").raw == wanted
    knob = knobs_of(answer)["links.h1-h2.rate"]
    assert (knob["value"], knob["given"]) == ("20mbit", "10mbit")


def test_an_edited_text_moves_the_knobs(lab: LabClient) -> None:
    answer = lab.examine("one_loss", text=SPEC.replace("10mbit", "7mbit"))
    assert knobs_of(answer)["links.h1-h2.rate"]["value"] == "7mbit"


def test_the_authors_knobs_come_first_with_their_words(lab: LabClient) -> None:
    first = lab.examine("one_loss", text=SPEC).json()["knobs"][0]
    assert (first["label"], first["first"]) == ("the bottleneck", True)
    assert first["values"] == ["1mbit", "5mbit", "9mbit", "10mbit"]


@pytest.mark.parametrize(
    ("before", "after", "line", "column", "words"),
    [
        ("10mbit", "10mbt", 4, 17, "10mbt"),
        ("do: iperf3", "do: iperf4", 10, 18, "iperf4"),
        ("seed: 3", "sed: 3", 5, 1, "sed"),
        ("{rate", "[rate", 4, None, "YAML"),
    ],
)
def test_errors_stand_where_they_are(
    lab: LabClient, before: str, after: str, line: int, column: int | None, words: str
) -> None:
    errors = lab.examine("one_loss", text=SPEC.replace(before, after)).json()["errors"]
    assert errors[0]["line"] == line
    assert column is None or errors[0]["column"] == column
    assert words in errors[0]["message"]


def test_a_knob_that_leads_nowhere_is_an_error_without_place(lab: LabClient) -> None:
    answer = lab.examine("one_loss", text=SPEC, knobs={"actions[7].at": "1s"})
    assert answer.json()["errors"][0]["line"] is None


@pytest.mark.parametrize("spec", ["nothing", "../one_loss", "/etc/passwd", "studies/aqm", "aqm"])
def test_only_what_is_on_the_shelf_is_examined(lab: LabClient, spec: str) -> None:
    assert lab.examine(spec).status_code == 404


def test_a_plugin_does_not_run_before_it_is_confirmed(tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "plug.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (folder / "with_plugin.yaml").write_text(SPEC + "plugins: [plug.py]\n")
    lab = make_lab(tmp_path, folders=(folder,))
    found = lab.examine("own/with_plugin.yaml").json()
    assert found["programs"] == ["the plugin plug.py"]
    lab.get("/api/search?q=bottleneck")
    lab.get("/api/shelf")
    refused = lab.post("/api/run", {"spec": "own/with_plugin.yaml", "tab": "1"})
    assert (refused.status_code, refused.json()["examined"]["digest"]) == (409, found["digest"])
    assert not mark.exists() and not lab.lab.bench.runs.waiting
    lab.post("/api/confirm", {"digest": found["digest"]})
    assert lab.examine("own/with_plugin.yaml").json()["errors"] == []
    assert mark.exists()


def test_a_command_of_a_link_is_asked_for_as_well(lab: LabClient) -> None:
    text = SPEC + '  - {at: 1s, do: command, host: h1, shell: "rm -r /"}\n'
    refused = lab.post("/api/run", {"spec": "one_loss", "text": text, "tab": "1"})
    assert refused.status_code == 409
    assert refused.json()["examined"]["programs"] == ["on h1: rm -r /"]


def test_programs_that_ship_need_no_yes_and_those_added_to_them_do(lab: LabClient) -> None:
    shipped = shipped_text("own_programs")
    assert programs_of(parse_yaml(shipped, "x").raw)
    assert lab.examine("own_programs").json()["programs"] == []
    more = shipped.replace(
        "actions:\n", "actions:\n  - {at: 1s, do: command, host: h1, argv: [ls]}\n"
    )
    assert lab.examine("own_programs", text=more).json()["programs"] == ["on h1: ls"]


def test_a_control_of_its_own_is_asked_for_and_its_parameters_are_knobs(lab: LabClient) -> None:
    shipped = lab.examine("aimd_friendly").json()
    assert shipped["programs"] == [] == shipped["errors"]
    assert [knob["path"] for knob in shipped["knobs"]][:2] == [
        "congestion_controls.aimd.parameters.alpha",
        "congestion_controls.aimd.parameters.beta",
    ]
    text = shipped_text("aimd_friendly").replace("aimd.c", "polite.c")
    found = lab.examine("aimd_friendly", text=text).json()["programs"]
    assert found == ["to be compiled here, and to be the kernel: aimd_friendly/polite.c"]


def test_the_users_folder_is_on_the_shelf_and_links_out_of_it_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text(SPEC)
    (folder / "mine.yaml").write_text(SPEC)
    (folder / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    lab = make_lab(tmp_path, folders=(folder,))
    own = [row["name"] for row in lab.get("/api/shelf").json()["specs"] if not row["shipped"]]
    assert own == ["own/mine.yaml"]
    assert lab.examine("own/out.yaml").status_code == 404


def test_a_question_finds_its_experiment(lab: LabClient) -> None:
    found = lab.get("/api/search?q=what happens when the SYN-ACK is lost").json()
    assert "synack_drop" in [row["name"] for row in found[:3]]
    assert all(row["line"] for row in found)
