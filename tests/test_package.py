"""``import tcpexp``: quick, and its names are there for people and type checkers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tcpexp
from tests.support.folders import ROOT


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_import_loads_nothing_but_itself():
    loaded = "[name for name in sys.modules if name.startswith('tcpexp')]"
    assert fresh(f"import sys, tcpexp; print(*{loaded})") == "tcpexp"
    heavy = "{'polars', 'numpy', 'matplotlib', 'jinja2', 'distributed'} & {*sys.modules}"
    assert fresh(f"import sys; from tcpexp import Spec; print({heavy})") == "set()"


@pytest.mark.parametrize("name", tcpexp.__all__)
def test_a_name_is_there_and_says_what_it_is(name):
    value = getattr(tcpexp, name)
    assert name == "__version__" or value.__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(tcpexp.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        name.name: f"{node.module}:{name.name}"
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert seen == tcpexp._WHERE
    assert sorted([*seen, "__version__"]) == sorted(tcpexp.__all__) == sorted(dir(tcpexp))


def test_an_unknown_name_is_no_name():
    with pytest.raises(AttributeError, match="no name 'simulate'"):
        tcpexp.simulate  # noqa: B018


def test_a_name_is_not_hidden_by_a_module_of_that_name():
    """Importing ``tcpexp.run`` as a module would put the module in the function's place."""
    package = Path(tcpexp.__file__).parent
    assert [name for name in tcpexp._WHERE if (package / name).exists()] == []
    assert [name for name in tcpexp._WHERE if (package / f"{name}.py").exists()] == []


@pytest.mark.full
def test_a_users_program_passes_the_strict_type_checker(tmp_path):
    program = tmp_path / "lab.py"
    program.write_text(
        "import polars as pl\n"
        "import tcpexp\n"
        "from tcpexp import Run, Spec\n"
        "\n"
        "def goodput(run: Run) -> float:\n"
        "    return run.metric('flows.up.goodput_bps')\n"
        "\n"
        "spec = Spec('bbr_vs_cubic', duration='20s').set('links.h1-h2.rate', '20mbit')\n"
        "spec['links']['h1-h2']['rate'] = '5mbit'\n"
        "runs = [tcpexp.run(spec, set={'seed': seed}) for seed in range(3)]\n"
        "frame: pl.DataFrame = runs[0].table('packets')\n"
        "rates: list[float] = [goodput(run) for run in runs]\n"
        "words: list[str] = [verdict.reason for verdict in runs[0].verdicts]\n"
        "study = tcpexp.sweep(spec, over={'links.h1-h2.queue': ['1bdp', '2bdp']}, repeat=2)\n"
        "print(study.table.height, runs[0].diff(runs[1]).same_packets)\n"
        "print(rates, words, frame.height)\n"
        "runs[0].figure('cwnd').savefig('cwnd.png')\n"
    )
    cache = tmp_path / "cache"
    mypy = [sys.executable, "-m", "mypy", "--strict"]
    done = subprocess.run(
        # as installed packages are: what is in them is not the user's to mend
        [*mypy, "--follow-imports=silent", "--cache-dir", str(cache), str(program)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
