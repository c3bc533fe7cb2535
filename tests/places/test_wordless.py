"""Code without its words: the same program, and the same bytes whatever is said about it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tcpexp.places import guestcode
from tcpexp.places.guestcode import BY_NAME, PACKAGE, imported, read_engine_files, with_source_lines
from tcpexp.places.uml.tree import engine_key, engine_sources
from tcpexp.places.wordless import source_lines, without_words

SHIPPED = [name for name in read_engine_files() if name.endswith(".py")]

BARE = """\
import os
LIMIT = {  'a': "# none"}
class Thing:
    size: int = 3
    def act(self) -> str:
        return (
            "one"
            '''two
# three

'''
        )
    def later(self) -> None:
        pass
"""
TOLD = '''\
#!/usr/bin/env python3
"""A module."""

import os  # the system

# A limit.
LIMIT = {  'a': "# none"}  # of what?
"""What limits."""


class Thing:
    """A thing.

    With "quotes" and \\""" quotes.
    """

    size: int = 3
    """How large."""

    def act(self) -> str:
        r"""Act."""
        return (
            # first
            "one"

            \'\'\'two
# three

\'\'\'
        )  # done

    def later(self) -> None:
        """Do nothing."""
    # the end
'''


def meaning(source: str) -> str:
    """Return a program's tree without texts that stand alone, and without ``pass``."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [statement for statement in block if not is_idle(statement)])
    return ast.dump(tree)


def is_idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    alone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return alone and isinstance(statement.value.value, (str, bytes))


def test_words_leave_nothing_behind():
    assert without_words(TOLD) == BARE
    assert without_words(BARE) == BARE


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_means_the_same(name: str):
    source = (PACKAGE.parent / name).read_text()
    bare = without_words(source)
    assert meaning(bare) == meaning(source)
    lines, places = source.splitlines(), source_lines(source)
    assert len(places) == len(bare.splitlines())
    for number, line in zip(places, bare.splitlines(), strict=True):
        assert line.strip() == "pass" or lines[number - 1].startswith(line.rstrip(" \\"))


@pytest.mark.parametrize(
    "source", ["x = 'open\n", "x = (1\n", "x = 1", '"""never closed\n', "x = ?\\ 1\n"]
)
def test_what_is_no_python_is_refused(source: str):
    with pytest.raises(ValueError, match="not Python"):
        without_words(source)


@pytest.mark.parametrize(
    "source",
    [
        'f"{act()}"\n',
        'if True:\n    f"{act()}"\n',
        "x = '''a\n# b\n\n'''\n",
        "value = {\n    'key':\n    'text'\n}\n",
        "call('a')\n('b')\n",
    ],
)
def test_what_only_looks_like_words_stays(source: str):
    assert without_words(source) == source


def test_a_comment_changes_no_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    before = engine_key(engine_sources())
    package = tmp_path / "tcpexp"
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".py", ".o"):
            copy = package / path.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    monkeypatch.setattr(guestcode, "PACKAGE", package)
    assert engine_key(engine_sources()) == before
    for room in ("engine", "tcp", "plan", "record"):
        for path in (package / room).rglob("*.py"):
            path.write_text(f"# said before\n{path.read_text()}\n\n# and afterwards\n")
    assert engine_key(engine_sources()) == before
    path = package / "engine" / "clock.py"
    path.write_text(f"{path.read_text()}\nMORE = 1\n")
    assert engine_key(engine_sources()) != before


def test_a_guest_has_all_that_its_code_imports():
    files = read_engine_files()
    for name in SHIPPED:
        for path in imported(files[name].decode()):
            assert f"tcpexp/{path.relative_to(PACKAGE)}" in files, name


def test_a_guest_has_nothing_that_only_the_outside_reads():
    assert not {"tcpexp/tcp/musts.py", "tcpexp/tcp/rfcs.py", "tcpexp/paths.py"} & set(SHIPPED)
    rooms = {name.split("/")[1] for name in SHIPPED if not Path(name).match(f"tcpexp/{BY_NAME}")}
    assert rooms <= {"__init__.py", "errors.py", "plan", "record", "engine", "tcp"}


def test_a_traceback_names_the_lines_of_the_source():
    source = (PACKAGE / "engine" / "clock.py").read_text()
    bare = without_words(source).splitlines()
    number = next(at for at, line in enumerate(bare, 1) if line.startswith("class "))
    right = source.splitlines().index(bare[number - 1]) + 1
    where = 'File "/opt/tcpexp/engine/tcpexp/engine/clock.py", line'
    assert right > number
    assert with_source_lines(f"  {where} {number}, in f") == f"  {where} {right}, in f"
    assert with_source_lines(f"{where} 99999, in f") == f"{where} 99999, in f"
    elsewhere = 'File "/usr/lib/python3.11/json/decoder.py", line 3'
    assert with_source_lines(elsewhere) == elsewhere


def test_what_only_a_type_checker_imports_stays_here() -> None:
    only_for_types = "if TYPE_CHECKING:\n    from tcpexp.units import Rate\n"
    text = f"{only_for_types}from tcpexp.errors import Missing\n"
    assert set(imported(text)) == {PACKAGE / "errors.py", PACKAGE / "__init__.py"}
