"""``tcpexp packetdrill``: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcpexp.cli.main import main
from tests.support.drills import SERVER


def play(folder: Path, text: str, *more: str) -> int:
    path = folder / "a.pkt"
    path.write_text(text)
    return main(["packetdrill", str(path), "--against", "utcp", "--ip-version", "ipv4", *more])


def test_a_script_that_agrees_and_one_that_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path, SERVER) == 0
    assert "1 script, 1 play: 1 agrees" in capsys.readouterr().out
    assert play(tmp_path, SERVER.replace("ack 1 <...>", "ack 2 <...>")) == 1
    said = capsys.readouterr().out
    assert "a.pkt:7: error: live packet field tcp_ack_seq" in said
    assert "<-- here" in said


def test_several_are_counted_in_the_plural(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b.pkt").write_text(SERVER.replace("ack 1 <...>", "ack 2 <...>"))
    (tmp_path / "c.pkt").write_text(SERVER)
    assert main(["packetdrill", str(tmp_path), "--against", "utcp", "-q"]) == 1
    assert "2 scripts, 6 plays: 3 agree, 3 disagree\n" in capsys.readouterr().out


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(tmp_path, SERVER.replace("ack 1 <...>", "ack 2 <...>"), "--json") == 1
    (row,) = json.loads(capsys.readouterr().out)["played"]
    assert (row["verdict"], row["line"], row["ip_version"]) == ("disagrees", 7, "ipv4")


def test_bad_input_has_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(tmp_path, SERVER + "+0 close(4 = 0\n") == 2
    assert "a.pkt:10:" in capsys.readouterr().err
    assert main(["packetdrill", str(tmp_path / "absent.pkt")]) == 2
    assert play(tmp_path, SERVER, "--define", "PORT") == 2
    assert play(tmp_path, SERVER, "--kernel", "7.3") == 2


def test_words_of_the_command_line_replace_those_of_the_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(tmp_path, SERVER.replace("ack 1 <...>", "ack WHAT <...>"), "-D", "WHAT=1") == 0
