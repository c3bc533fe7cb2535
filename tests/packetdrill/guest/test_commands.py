"""Commands as data, done: which of them run, what fails, what is put back."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.guest import commands


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """Return a folder that stands for ``/proc/sys``."""
    monkeypatch.setattr(commands, "SYSCTLS", f"{tmp_path}/")
    monkeypatch.setattr(commands, "_BEFORE", {})
    monkeypatch.setattr(commands, "_TO_RESTORE", {})
    (tmp_path / "net").mkdir()
    (tmp_path / "net/ecn").write_text("2\n")
    return tmp_path


def node(*argv: str, op: str = ";") -> dict:
    return {"op": op, "pipe": [list(argv)]}


def test_a_setting_by_its_name(settings):
    assert commands.run_all([node("sysctl", "-q", "net.ecn=3")], "/tmp") is None
    assert (settings / "net/ecn").read_text() == "3"


def test_a_setting_that_is_not_there_fails_unless_tolerated():
    wrong = commands.run_all([node("sysctl", "net.none=1")], "/tmp")
    assert wrong is not None
    assert "net.none=1" in wrong
    assert "No such file" in wrong
    assert commands.run_all([node("sysctl", "-e", "net.none=1")], "/tmp") is None


def test_the_others_are_set_all_the_same(settings):
    assert commands.run_all([node("sysctl", "net.none=1", "net.ecn=0")], "/tmp") is not None
    assert (settings / "net/ecn").read_text() == "0"


def test_a_value_written_to_a_file_and_one_put_back(settings):
    path = str(settings / "net/ecn")
    assert commands.run_all([node("write", "7", path)], "/tmp") is None
    assert (settings / "net/ecn").read_text() == "7"
    assert commands.run_all([node("set_sysctls", f"{path}=9"), node("restore")], "/tmp") is None
    assert (settings / "net/ecn").read_text() == "7"


def test_only_the_last_command_counts_as_in_a_shell():
    assert commands.run_all([node("false"), node("true")], "/tmp") is None
    assert commands.run_all([node("true"), node("false")], "/tmp") == "'false' failed"


def test_conditions():
    assert commands.run_all([node("false"), node("true", op="&&")], "/tmp") is not None
    assert commands.run_all([node("false"), node("true", op="||")], "/tmp") is None
    block = {"op": ";", "block": [node("true"), node("false")]}
    assert commands.run_all([block, node("true", op="&&")], "/tmp") is not None


def test_a_pipe_s_status_is_the_last_program_s():
    words = {"op": ";", "pipe": [["echo", "a 1 b"], ["grep", "-q", " 1 "]]}
    assert commands.run_all([words], "/tmp") is None
    words["pipe"][1][2] = " 2 "
    assert commands.run_all([words], "/tmp") == "'echo a 1 b | grep -q  2 ' failed"


def test_a_program_that_is_not_there():
    wrong = commands.run_all([node("no-such-program")], "/tmp")
    assert wrong == "'no-such-program' failed: No such file or directory"
