"""Errors as rows of plain values, and the words for what nobody expected."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import HostError, Missing, RunError, SpecErrors
from tcpexp.runs.errorrows import crash_words, error_rows


def test_each_mistake_of_a_spec_is_a_row_with_its_place_and_its_line(tmp_path: Path) -> None:
    spec = tmp_path / "wrong.yaml"
    spec.write_text("name: wrong\ntopology: two_host\nduration: 5\ncolour: red\n")
    with pytest.raises(SpecErrors) as caught:
        load_spec(spec, load_catalogue(entry_points=False))
    rows = error_rows(caught.value)
    assert [(row["file"], row["line"], row["column"], row["text"]) for row in rows] == [
        (str(spec), 3, 11, "duration: 5"),
        (str(spec), 4, 1, "colour: red"),
    ]
    assert all(row["message"] and "missing" not in row for row in rows)


def test_what_the_machine_lacks_is_a_list_with_its_remedies() -> None:
    lack = Missing("mnexec", "runs on this machine", "apt install mininet")
    (row,) = error_rows(HostError("this machine lacks mnexec", missing=(lack,), hint="install it"))
    assert (row["message"], row["hint"], row["file"]) == (
        "this machine lacks mnexec",
        "install it",
        None,
    )
    assert [(lack["what"], lack["remedy"], lack["line"]) for lack in row["missing"]] == [
        ("mnexec", "apt install mininet", None)
    ]


def test_another_error_has_its_message_and_hint_only() -> None:
    (row,) = error_rows(RunError("the guest died", hint="look at the console"))
    assert {key for key, value in row.items() if value is not None} == {"message", "hint"}


def test_a_full_disk_is_no_bug() -> None:
    message, hint = crash_words(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert message.startswith("the disk is full")
    assert "--out" in str(hint)


def test_a_bug_leaves_its_traceback_for_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    message, hint = crash_words(ZeroDivisionError("division by zero"))
    assert message == "tcpexp failed unexpectedly: ZeroDivisionError: division by zero"
    (saved,) = (tmp_path / "tcpexp" / "crashes").iterdir()
    assert str(saved) in str(hint)
    assert "ZeroDivisionError" in saved.read_text()
