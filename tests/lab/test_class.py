"""A class: knobs and no more, limits, a folder for each student."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.lab.config import Limits
from tests.support.labs import HERE, PLAIN_NAME, LabClient, make_lab


def run(classroom: LabClient, **more: object):
    return classroom.post("/api/run", {"spec": PLAIN_NAME, "tab": "1", **more})


def test_a_student_may_turn_a_knob_to_what_it_offers(classroom: LabClient) -> None:
    given = {
        "links.h1-h2.rate": "5mbit",
        "links.h1-h2.queue": "4bdp",
        "links.h1-h2.delay": "50ms",
        "actions[0].congestion_control": "bbr",
        "seed": "99",
    }
    for path, value in given.items():
        assert run(classroom, knobs={path: value}).status_code == 200, path


@pytest.mark.parametrize(
    "knobs",
    [
        {"actions[0].do": "command"},
        {"actions": '[{do: command, host: h1, shell: "id"}]'},
        {"actions[0]": "{do: command, host: h1, argv: [id]}"},
        {"plugins": "[x.py]"},
        {"hosts.h1.sysctls.net.ipv4.tcp_sack": "0"},
        {"topology": "../x"},
        {"links.h1-h2.rate": "{rate: 1mbit}"},
        {"links.h1-h2.rate": "900gbit"},
        {"links.h1-h2.rate": "0bit"},
        {"links.h1-h2.delay": "1h"},
        {"seed": "-1"},
        {"seed": "[1]"},
        {"actions[0].congestion_control": "x; id"},
        {"kernel": "/tmp/linux"},
        {"duration": "1h"},
        {"record": "{capture: {snaplen: full}}"},
        {"name": "../../x"},
    ],
)
def test_a_student_may_turn_nothing_else(classroom: LabClient, knobs: dict[str, str]) -> None:
    assert run(classroom, knobs=knobs).status_code == 403
    assert not classroom.lab.bench.runs.waiting


def test_a_student_writes_no_text_and_confirms_nothing(classroom: LabClient) -> None:
    assert run(classroom, text="name: x\n").status_code == 403
    assert classroom.examine(PLAIN_NAME, text="name: x\n").status_code == 403
    assert classroom.post("/api/confirm", {"digest": "x"}).status_code == 403


def test_what_links_could_carry_is_limited(tmp_path: Path) -> None:
    classroom = make_lab(tmp_path, whole_class=True)
    assert run(classroom, knobs={"links.h1-h2.rate": "500mbit"}).status_code == 403
    assert run(classroom, knobs={"links.h1-h2.rate": "50mbit"}).status_code == 200


def test_students_see_their_own_runs_only(
    classroom: LabClient, tmp_path: Path, recorded: Path
) -> None:
    name = classroom.keep_run(recorded, "bbr_vs_cubic")
    assert [row["run"] for row in classroom.get("/api/history").json()] == [name]
    other = type(classroom)(classroom.lab, classroom.client.__class__(
        classroom.lab.app(), base_url=HERE))  # fmt: skip
    form = {"token": classroom.lab.config.token, "name": "Bob"}
    other.client.post("/enter", data=form, headers={"origin": HERE})
    assert other.get("/api/history").json() == []
    for path in (f"/runs/{name}/report.html", f"/api/notes?run={name}", f"/api/spec?run={name}"):
        assert classroom.get(path).status_code == 200
        assert other.get(path).status_code == 404


def test_a_students_own_link_leads_back(classroom: LabClient) -> None:
    link = classroom.get("/api/shelf").json()["class"]["link"]
    again = classroom.client.__class__(classroom.lab.app(), base_url=HERE)
    again.get(link.replace(classroom.lab.config.url.partition("/?")[0], ""))
    assert again.get("/api/shelf").json()["class"]["name"].startswith("ada-l-")
    assert len(classroom.lab.sessions.all) == 1


def test_a_name_is_a_word_and_never_a_path(classroom: LabClient) -> None:
    for name in ("../../etc", "", "a" * 500, "<b>", ".."):
        session = classroom.lab.sessions.enter(name)
        assert session.results.parent == classroom.lab.config.results
        assert session.id.replace("-", "").isalnum() and len(session.id) < 40


def test_a_class_has_an_end(tmp_path: Path) -> None:
    classroom = make_lab(tmp_path, whole_class=True)
    for _ in range(Limits().students - 1):
        classroom.lab.sessions.enter("x")
    form = {"token": classroom.lab.config.token, "name": "late"}
    answer = classroom.client.post("/enter", data=form, headers={"origin": HERE})
    assert answer.status_code == 429


def test_without_a_name_there_is_a_door(classroom: LabClient) -> None:
    fresh = classroom.client.__class__(classroom.lab.app(), base_url=HERE)
    page = fresh.get(f"/?token={classroom.lab.config.token}")
    assert page.status_code == 200 and 'name="name"' in page.text
    assert fresh.get("/api/shelf").status_code == 401
