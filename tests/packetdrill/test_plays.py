"""Which scripts are played, in which versions of IP, and what is said of what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.errors import SpecError
from tcpexp.packetdrill.plays import find_scripts, load_plays, play_utcp
from tests.support.drills import SERVER


def write(folder: Path, name: str, text: str = SERVER) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_folders_are_searched_and_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    one, two = write(tmp_path, "b/x.pkt"), write(tmp_path, "a.pkt")
    write(tmp_path, "b/notes.txt")
    assert find_scripts([tmp_path, one]) == [two, one]
    with pytest.raises(SpecError, match="no file or folder"):
        find_scripts([tmp_path / "absent.pkt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match="no scripts below"):
        find_scripts([tmp_path / "empty"])


def test_a_script_is_played_in_its_versions_of_ip_and_an_error_stops_no_other(
    tmp_path: Path,
) -> None:
    paths = [
        write(tmp_path, "all.pkt"),
        write(tmp_path, "six.pkt", "--ip_version=ipv6\n" + SERVER),
        write(tmp_path, "bad.pkt", "0 > nothing like it\n"),
    ]
    plays, errors = load_plays(paths)
    names = [(Path(each.script.name).stem, each.version) for each in plays]
    assert names == [
        ("all", "ipv4"), ("all", "ipv6"), ("all", "ipv4-mapped-ipv6"), ("six", "ipv6"),
    ]  # fmt: skip
    assert len(errors) == 1 and "bad.pkt:1:" in str(errors[0])
    only, _ = load_plays(paths, ["ipv4"])
    assert [each.version for each in only] == ["ipv4"]


def test_verdicts(tmp_path: Path) -> None:
    wrong = SERVER.replace("ack 1 <...>", "ack 2 <...>")
    texts = [SERVER, wrong, "0 socket(..., SOCK_DGRAM, 0) = 3\n"]
    paths = [write(tmp_path, f"{number}.pkt", text) for number, text in enumerate(texts)]
    plays, errors = load_plays(paths, ["ipv4"])
    assert not errors
    assert [each.verdict for each in play_utcp(plays)] == ["agrees", "disagrees", "not played"]
