"""The line of an error, with a caret under the place."""

from __future__ import annotations

import pytest

from tcpexp.cli.main import main
from tcpexp.runs.sourceline import line_of, marked_line


@pytest.mark.parametrize(
    ("text", "column", "under"),
    [
        ("links: {h1-h2: {latency: 20ms}}", 17, "l"),
        ("name: x", 1, "n"),
        ("\ttab: x", 2, "t"),
        ("title: 拥塞控制 x", 13, "x"),
    ],
)
def test_the_caret_is_under_the_place(text, column, under):
    line, mark = marked_line(text, 6, column)
    assert text[column - 1] == under
    assert line == f"   6 | {text}"
    before = line[: len("   6 | ") + column - 1]
    wide = sum(2 if ord(letter) > 0x2E80 else 1 for letter in before)
    assert mark.index("^") == wide
    assert mark.count("\t") == before.count("\t")


def test_of_a_long_line_the_part_around_the_place_is_shown():
    text = "x" * 300 + "HERE" + "y" * 300
    line, mark = marked_line(text, 1, 301)
    assert len(line) < 170
    assert line[mark.index("^") :].startswith("HERE")


def test_what_a_terminal_would_obey_is_not_printed():
    line, _ = marked_line("name: \x1b[31mred", 1, 7)
    assert "\x1b" not in line


def test_a_line_that_is_not_there_is_none(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("one\n\n")
    assert line_of(str(path), 1) == "one"
    assert line_of(str(path), 2) is None
    assert line_of(str(path), 9) is None
    assert line_of(str(tmp_path / "absent"), 1) is None


def test_validate_shows_it(tmp_path, capsys):
    spec = tmp_path / "wrong.yaml"
    spec.write_text(
        "name: wrong\ntopology: two_host\nduration: 5s\nlinks: {h1-h2: {bandwidth: 5mbit}}\n"
    )
    assert main(["validate", str(spec)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{spec}:4:17: error: unknown key 'bandwidth'"
    assert said[1] == "   4 | links: {h1-h2: {bandwidth: 5mbit}}"
    assert said[2] == "     |" + " " * 17 + "^"
    assert said[3] == "hint: our word for it is 'rate'"
