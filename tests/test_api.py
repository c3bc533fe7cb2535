"""The stable names: all there, all documented, and light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tcpexp import api


def test_the_list_of_names_is_the_list_of_places():
    assert sorted(api.WHERE) == sorted(api.__all__) == dir(api)


@pytest.mark.parametrize("name", api.__all__)
def test_a_name_is_there_and_says_what_it_is(name):
    value = getattr(api, name)
    if callable(value):  # quantities with units are annotated types, without a docstring
        assert value.__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(api.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        name.asname or name.name: f"{node.module}:{name.name}"
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert seen == api.WHERE


def test_an_unknown_name_is_no_name():
    with pytest.raises(AttributeError, match="no name 'run_everything'"):
        api.run_everything  # noqa: B018


def test_what_a_plugin_derives_from_loads_nothing_heavy():
    code = (
        "import sys; from tcpexp.api import Action, Check, Duration, RecorderModel, SpecError;"
        "heavy = {'polars', 'numpy', 'matplotlib', 'jinja2', 'distributed'};"
        "print(*sorted(heavy & {*sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
