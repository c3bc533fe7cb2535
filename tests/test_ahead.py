"""What is prepared during a run: begun once, and gone afterwards."""

import os
import threading
from pathlib import Path

import pytest

from tcpexp.ahead import Ahead


def test_it_begins_once_and_leaves_nothing_behind():
    before = set(threading.enumerate())
    with Ahead() as ahead:
        ahead.begin(helper=True)
        helper = ahead.helper
        ahead.begin(helper=True)
        assert ahead.helper is helper
        ahead.wait()
    assert set(threading.enumerate()) == before
    if helper is None:
        assert len(os.sched_getaffinity(0)) == 1
    else:
        assert not Path(f"/proc/{helper.pid}").exists()


def test_an_interrupt_ends_it_too():
    with pytest.raises(KeyboardInterrupt), Ahead() as ahead:
        ahead.begin(helper=True)
        helper = ahead.helper
        raise KeyboardInterrupt
    assert helper is None or not Path(f"/proc/{helper.pid}").exists()


def test_without_a_run_there_is_no_second_process():
    with Ahead() as ahead:
        ahead.begin(helper=False)
        assert ahead.helper is None
