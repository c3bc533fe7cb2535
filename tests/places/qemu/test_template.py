"""When a guest that was booted for a template counts as stopped."""

from __future__ import annotations

import subprocess
import sys
import time

from tcpexp.places.qemu.template import all_asleep


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_a_process_whose_threads_all_sleep_is_still_and_one_that_computes_is_not():
    code = (
        "import sys, threading, time\nthreading.Thread(target=time.sleep, args=(60,),"
        " daemon=True).start()\nsys.stdin.readline()\nwhile True: pass"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        try:
            assert wait_for(lambda: all_asleep(process.pid))
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert wait_for(lambda: not all_asleep(process.pid))
            assert not any(all_asleep(process.pid) for _ in range(20))
        finally:
            process.kill()


def test_a_process_that_has_ended_is_not_still():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not all_asleep(process.pid)
