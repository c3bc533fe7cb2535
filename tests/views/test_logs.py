"""What programs logged."""

from pathlib import Path

from tcpexp.views.logs import json_objects, read_events, read_logs
from tests.support.fake_run import make_plan, write_run


def test_only_lines_that_are_json_objects_count() -> None:
    text = 'hello\n{"event": "a"}\n[1]\n{"event": \n{"event": "b"}\n'
    assert [line["event"] for line in json_objects(text)] == ["a", "b"]


def test_a_run_without_logs_has_no_events(tmp_path: Path) -> None:
    run = write_run(tmp_path, make_plan(), {})
    assert read_logs(run, "absent", ("out",)) == {}
    assert read_events(run, "absent") == []
