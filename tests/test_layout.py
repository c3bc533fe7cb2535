"""Where tests lie: they mirror the package, and the tests of a room reach every module of some size
in it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.folders import ROOT, TESTS

#: Folders of tests that are of no room of the package.
OTHERS = {
    "benchmarks": "programs beside the package",
    "docs": "the pages and their examples",
    "experiments": "what ships beside the package",
    "guest": "whole runs in the guest",
    "independent": "runs counted without the package",
    "install": "the distributions",
    "scripts": "programs beside the package",
    "support": "what tests share",
}
#: Modules up to this many lines may be known to other rooms' tests only.
SMALL = 60
#: Tests of something of their room that is no module of it.
NO_MODULE = {
    "tests/apps/test_mptcp_sockets.py": "a library in C that comes built",
    "tests/ingest/foreign/test_damaged.py": "the whole reader against damaged captures",
    "tests/places/test_strangers_on_the_host.py": "whole runs on the host, beside a stranger",
    "tests/tcp/test_rules.py": "the page's table of rules names tests of this folder",
}


#: Runs in the guest only; tests/packetdrill/kernel/test_guest.py plays scripts there.
IN_GUEST = "tcpexp.packetdrill.guest."


def name_of(path: Path) -> str:
    """Return a module's name from its path below the repository."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


#: Every module by name; what lies in ``files`` is data that goes to a guest.
MODULES = {
    name_of(path): path
    for path in (ROOT / "tcpexp").rglob("*.py")
    if "files" not in path.parts and path.name != "__main__.py"
}
TEST_MODULES = {name_of(path): path for path in TESTS.rglob("*.py")}
TEST_FILES = sorted(path for path in TESTS.rglob("test_*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def named_in(path: Path) -> frozenset[str]:
    """Return the modules that a file imports, or names in a text as registries and programs do."""
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"tcpexp(?:\.\w+)+", node.value))
            if path.parent == TESTS / "apps":  # programs, which are started as files
                found |= {f"tcpexp.apps.{word}" for word in re.findall(r"\w+", node.value)}
    return frozenset(found)


def room_of(module: str) -> tuple[str, ...]:
    """Return the folders below ``tcpexp`` in which a module lies."""
    return MODULES[module].relative_to(ROOT / "tcpexp").parts[:-1]


def beside(path: Path) -> Iterator[Path]:
    """Yield a test file, the conftest.py files above it, and all of ``tests`` that these import."""
    todo = [
        path,
        *(
            conftest
            for parent in path.parents
            if parent.is_relative_to(TESTS)
            if (conftest := parent / "conftest.py").exists() and parent != TESTS
        ),
    ]
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            yield file
            todo += [TEST_MODULES[name] for name in named_in(file) if name in TEST_MODULES]


def used_by(path: Path) -> set[str]:
    """Return the package's modules that a test file uses, by itself or through its helpers."""
    return {name for file in beside(path) for name in named_in(file) if name in MODULES}


def reached_in(room: tuple[str, ...], used: Iterable[str]) -> set[str]:
    """Return the modules that tests reach which use ``used``: these, what they import (the door to
    a room may lie in a higher one), and from there all that is reached without leaving the room.
    """
    todo = [name for module in used for name in (module, *named_in(MODULES[module]))]
    todo, reached = [name for name in todo if name in MODULES], set[str]()
    while todo:
        module = todo.pop()
        if module not in reached:
            reached.add(module)
            if room and room_of(module)[:1] == room[:1]:
                todo += [name for name in named_in(MODULES[module]) if name in MODULES]
    return reached


def folder_of(path: Path) -> tuple[str, ...]:
    """Return the folders below ``tests`` in which a test lies."""
    return path.relative_to(TESTS).parts[:-1]


def is_mirrored(path: Path) -> bool:
    """Return whether a test lies where a room's tests lie."""
    return bool(folder_of(path)) and folder_of(path)[0] not in OTHERS


def test_each_folder_is_a_rooms_or_says_what_it_is_for() -> None:
    folders = {folder_of(path) for path in TEST_FILES if is_mirrored(path)}
    assert [folder for folder in folders if not (ROOT / "tcpexp").joinpath(*folder).is_dir()] == []
    assert [name for name in OTHERS if not (TESTS / name).is_dir()] == []


def test_a_test_uses_something_of_its_own_room() -> None:
    strange = [
        str(path.relative_to(ROOT))
        for path in TEST_FILES
        if is_mirrored(path)
        and not any(
            room_of(name)[: len(folder_of(path))] == folder_of(path) for name in used_by(path)
        )
    ]
    assert strange == list(NO_MODULE)


def needs_tests(path: Path) -> bool:
    """Return whether a module is large enough, and does something: tables and records that are only
    declared are tested by whoever fills them.
    """
    size = len(path.read_text(encoding="utf-8").splitlines())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return size > SMALL and any(isinstance(node, functions) for node in ast.walk(tree_of(path)))


def is_own(room: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    """Return whether a room's tests may lie in the folder: its own, one below, or one above."""
    if not room or not folder:
        return room == folder
    return folder[: len(room)] == room or room[: len(folder)] == folder


def test_a_room_reaches_its_modules_from_its_own_tests() -> None:
    used = {path: used_by(path) for path in TEST_FILES}
    unknown = []
    for room in sorted({room_of(module) for module in MODULES}):
        own = [names for path, names in used.items() if is_own(room, folder_of(path))]
        reached = reached_in(room, set[str]().union(*own))
        unknown += [
            module
            for module, path in MODULES.items()
            if room_of(module) == room
            and path.name != "__init__.py"
            and not module.startswith(IN_GUEST)
            and needs_tests(path)
            and module not in reached
        ]
    assert unknown == [], "tests/<room>/test_<module>.py is missing"


def test_tests_share_through_support_only() -> None:
    taken = {
        (str(path.relative_to(ROOT)), name)
        for path in TEST_MODULES.values()
        for name in named_in(path)
        if name in TEST_MODULES and TEST_MODULES[name].name.startswith(("test_", "conftest"))
    }
    assert taken == set()


@pytest.mark.parametrize("path", sorted(TESTS.rglob("conftest.py")), ids=name_of)
def test_a_conftest_has_fixtures_and_hooks_only(path: Path) -> None:
    for node in tree_of(path).body:
        if isinstance(node, ast.ClassDef):
            pytest.fail(f"class {node.name} belongs to tests/support")
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("pytest_"):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            assert any(text.startswith("pytest.fixture") for text in decorators), node.name


def test_nothing_is_put_on_the_path_by_hand() -> None:
    """pyproject.toml says where pytest looks. A program of the guest knows only what it is told,
    and a package of somebody else's is installed while its test lasts.
    """
    by_hand = sorted(
        str(path.relative_to(TESTS))
        for path in TEST_MODULES.values()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("sys.path.insert", "sys.path.append", "sys.path.extend")
    )
    assert by_hand == ["support/example_place.py", "support/programs/interop_program.py"]
