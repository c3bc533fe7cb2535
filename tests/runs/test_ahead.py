"""What is imported while a run lasts: begun once, and gone afterwards."""

import subprocess
import sys
import threading

import pytest

from tcpexp.runs.ahead import LATER, Ahead


def test_it_begins_once_and_leaves_nothing_behind():
    before = set(threading.enumerate())
    with Ahead() as ahead:
        assert not ahead.begun
        ahead.begin()
        ahead.begin()
        assert ahead.begun and len(set(threading.enumerate()) - before) <= 1
    assert set(threading.enumerate()) == before


def test_an_interrupt_ends_it_too():
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), Ahead() as ahead:
        ahead.begin()
        raise KeyboardInterrupt
    assert set(threading.enumerate()) == before


def test_it_imports_what_follows_a_run_and_no_matplotlib():
    missing = f"[name for name in {LATER!r} if name not in sys.modules]"
    code = (
        f"import sys\nfrom tcpexp.runs.ahead import import_later\nimport_later()\nprint({missing},"
        " 'matplotlib' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[] False\n"
    )
