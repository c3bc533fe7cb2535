"""Captures that students hand in: which exercise they are of, and their points."""

from pathlib import Path

import pytest

from tcpexp.errors import SpecError
from tcpexp.grade.captures import by_exercise, is_capture, read_hosts
from tcpexp.grade.rubric import load_rubric
from tcpexp.grade.run import GradeOptions, grade
from tests.support.crafting import write_pcap
from tests.support.foreign import download

SPEC = """\
name: lab
topology: two_host
duration: 5s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: down, direction: reverse, until: 4s}
"""
RUBRIC = """\
name: course
exercises:
  lab:
    spec: lab.yaml
    checks:
      - {closer: {flow: down, host: h2}, points: 1}
      - {retransmissions: {flow: down, equals: 1}, points: 2}
      - {socket: {host: h2, state: time-wait, at_least: 1}, points: 4}
"""


def measure(path: Path, place: str = "server") -> Path:
    """Write what a student would have captured: iperf3's control connection and its data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    control, data = (download(place, 5, 40_001), download(place, 20, 40_002))
    late = [(at + 100_000_000, packet) for at, packet in data.packets]
    return write_pcap(path, sorted([*control.packets, *late], key=lambda pair: pair[0]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pcap", True),
        ("A.PCAPNG.GZ", True),
        ("x.snoop", True),
        ("notes.txt", False),
        ("pcap", False),
        ("a.pcap.txt", False),
    ],
)
def test_captures_are_told_by_their_names(name, expected):
    assert is_capture(Path(name)) is expected


def test_a_capture_is_of_the_exercise_that_it_is_called_after():
    paths = [
        Path(name)
        for name in (
            "s/lab.pcap",
            "s/lab-2.pcap",
            "s/lab2/a.pcap",
            "s/lab2/b.pcap",
            "s/labour.pcap",
        )
    ]
    found, unknown = by_exercise(paths, ["lab", "lab2"])
    assert found == {
        ("lab", Path("s")): [Path("s/lab.pcap"), Path("s/lab-2.pcap")],
        ("lab2", Path("s/lab2")): [Path("s/lab2/a.pcap"), Path("s/lab2/b.pcap")],
    }
    assert unknown == [Path("s/labour.pcap")]
    assert by_exercise([Path("s/any.pcap")], ["lab"]) == (
        {("lab", Path("s")): [Path("s/any.pcap")]},
        [],
    )


def test_a_student_says_who_is_who(tmp_path):
    assert read_hosts(tmp_path) == {}
    (tmp_path / "hosts.txt").write_text("# mine\nh1 = 192.0.2.1\n\nh2=198.51.100.7 # at home\n")
    assert read_hosts(tmp_path) == {"h1": "192.0.2.1", "h2": "198.51.100.7"}
    (tmp_path / "hosts.txt").write_text("h1: 192.0.2.1\n")
    with pytest.raises(SpecError, match="line 1"):
        read_hosts(tmp_path)


def test_captures_get_the_points_of_what_packets_decide(tmp_path):
    handed = tmp_path / "handed"
    measure(handed / "alice" / "my trace.pcap")
    measure(handed / "bob" / "trace.pcap", "client")
    (handed / "carol").mkdir()
    (handed / "carol" / "trace.pcap").write_text("no capture")
    (tmp_path / "lab.yaml").write_text(SPEC)
    (tmp_path / "rubric.yaml").write_text(RUBRIC)
    before = sorted(path for path in handed.rglob("*"))
    grades = grade(
        [handed], load_rubric(tmp_path / "rubric.yaml"), GradeOptions(tmp_path / "out", jobs=1)
    )
    assert sorted(path for path in handed.rglob("*")) == before
    by_name = {student.student: student.exercises[0] for student in grades.students}
    assert [by_name[name].points for name in ("alice", "bob", "carol")] == [3, 1, 0]
    results = [mark.result for mark in by_name["bob"].marks]
    assert results == ["PASS", "UNSUPPORTED", "UNSUPPORTED"]
    assert by_name["carol"].state == "damaged" and "trace.pcap" in by_name["carol"].reason
    page = Path(by_name["alice"].report)
    assert page.is_relative_to(tmp_path / "out") and "my trace.pcap" in page.read_text()
