"""What ``tcpexp new`` writes: files of the name that was given, valid, and nothing over others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tcpexp.catalogue.reading import load_plan
from tcpexp.cli.main import main
from tcpexp.errors import SpecError
from tcpexp.library.templates import check_name, write_congestion_control
from tcpexp.spec.owncontrol import names_in


def test_a_congestion_control_comes_with_spec_tracepoint_and_test(tmp_path: Path) -> None:
    written = write_congestion_control("gentle", tmp_path / "new")
    names = [path.name for path in written]
    assert names == ["gentle.c", "gentle.yaml", "gentle_trace.h", "test_gentle.py"]
    texts = {path.name: path.read_text() for path in written}
    assert not [name for name, text in texts.items() if "@name@" in text]
    assert names_in(texts["gentle.c"]) == ["gentle"]
    assert "GPL-2.0" in texts["gentle.c"] and 'MODULE_LICENSE("GPL")' in texts["gentle.c"]
    ast.parse(texts["test_gentle.py"])
    plan = load_plan(tmp_path / "new" / "gentle.yaml")
    assert list(plan.modules[0].headers) == ["gentle_trace.h"]


def test_one_in_bpf_is_valid_too(tmp_path: Path) -> None:
    write_congestion_control("soft", tmp_path, bpf=True)
    plan = load_plan(tmp_path / "soft.yaml")
    assert (plan.modules[0].language, plan.modules[0].built) == ("bpf", "modules/soft.bpf.o")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "gentle.yaml").write_text("mine")
    with pytest.raises(SpecError, match="is there already"):
        write_congestion_control("gentle", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["gentle.yaml"]


@pytest.mark.parametrize("name", ["Gentle", "a-b", "9a", "int", "far_too_long_name", "", "cubic"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(SpecError):
        check_name(name, frozenset({"cubic"}))


def test_the_command_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "congestion-control", "mine"]) == 0
    assert "run it: tcpexp run mine.yaml" in capsys.readouterr().out
    assert main(["new", "congestion-control", "reno"]) == 2
