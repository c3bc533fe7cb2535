"""What is imported before it is needed: in a thread beside a run, or before a process is forked."""

import subprocess
import sys
import threading

import pytest

from tcpexp.runs.preload import WITH_THREADS, WITHOUT_THREADS, ImportsBeside


def printed(code: str) -> str:
    """Return what a new Python prints that runs ``code``."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_thread_begins_once_and_leaves_nothing_behind():
    before = set(threading.enumerate())
    with ImportsBeside() as imports:
        assert not imports.begun
        imports.begin()
        imports.begin()
        assert imports.begun and len(set(threading.enumerate()) - before) <= 1
    assert set(threading.enumerate()) == before


def test_an_interrupt_ends_the_thread_too():
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), ImportsBeside() as imports:
        imports.begin()
        raise KeyboardInterrupt
    assert set(threading.enumerate()) == before


def test_the_thread_imports_what_follows_a_run_and_no_matplotlib():
    missing = f"[name for name in {(*WITH_THREADS, *WITHOUT_THREADS)!r} if name not in sys.modules]"
    code = (
        f"import sys\nfrom tcpexp.runs.preload import import_all\nimport_all()\nprint({missing},"
        " 'matplotlib' in sys.modules)"
    )
    assert printed(code) == "[] False\n"


def test_before_a_fork_nothing_is_imported_that_starts_a_thread():
    code = (
        "import os, sys\nfrom tcpexp.runs.preload import WITHOUT_THREADS, import_before_fork\n"
        "import_before_fork()\n"
        "print([name for name in WITHOUT_THREADS if name not in sys.modules],"
        " len(os.listdir('/proc/self/task')))"
    )
    assert printed(code) == "[] 1\n"
