"""``tcpexp grade`` and ``tcpexp guest export|import|use`` as a user types them: mistakes and exit
codes.
"""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tcpexp.cli.grade import read_received
from tcpexp.cli.main import main
from tcpexp.errors import SpecError
from tests.support.images import make_image


def test_missing_work_and_the_sheets(tmp_path, capsys):
    (tmp_path / "handed" / "alice").mkdir(parents=True)
    assert (
        main(
            [
                "grade",
                str(tmp_path / "handed"),
                "--rubric",
                "handshake_lab",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 4
    )
    out = capsys.readouterr().out
    assert "0 / 13" in out
    assert (
        main(
            [
                "grade",
                str(tmp_path / "handed"),
                "--rubric",
                "handshake_lab",
                "--out",
                str(tmp_path / "out"),
                "--json",
            ]
        )
        == 4
    )
    assert json.loads(capsys.readouterr().out)["students"][0]["points"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grade", "nowhere", "--rubric", "handshake_lab"], "there is no folder nowhere"),
        (["grade", ".", "--rubric", "nowhere.yaml"], "there is no such file"),
        (["grade", "."], "--rubric"),
    ],
)
def test_mistakes(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_times_of_receipt(tmp_path):
    path = tmp_path / "times.csv"
    path.write_text("\ufeffStudent,Time\nalice,2026-11-20T22:10:00+01:00\n\n")
    assert read_received(path) == {"alice": datetime.fromisoformat("2026-11-20T22:10:00+01:00")}
    path.write_text("alice,2026-11-20T22:10:00+01:00\nbob,yesterday\n")
    with pytest.raises(SpecError, match="no time with a time zone"):
        read_received(path)
    path.write_text("alice,2026-11-20T22:10:00\n")
    with pytest.raises(SpecError, match="no time with a time zone"):
        read_received(path)


def test_an_image_goes_out_and_comes_in(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a"))
    assert main(["guest", "export", str(tmp_path / "image.tar")]) == 3
    image = make_image()
    assert main(["guest", "export", str(tmp_path / "image.tar")]) == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    other = make_image("other")
    assert main(["guest", "import", str(tmp_path / "image.tar")]) == 0
    assert (
        f"the image before is kept: tcpexp guest use {other.sha256[:12]}" in capsys.readouterr().out
    )
    assert main(["guest", "info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["sha256"], facts["kept"]) == (image.sha256, [other.sha256])
    assert main(["guest", "use", other.sha256[:12]]) == 0
    assert main(["guest", "use", "0000"]) == 3
    (tmp_path / "bad.tar").write_bytes((tmp_path / "image.tar").read_bytes()[:5000])
    assert main(["guest", "import", str(tmp_path / "bad.tar")]) == 5
