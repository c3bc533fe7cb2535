"""The shim beside QEMU's lock: the main loop waits for the processor thread, but never while it
holds what that thread waits for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tcpexp.places.qemu.shim import find_shim

#: A main loop and a processor thread in one program. The thread needs the lock before it can wait,
#: as QEMU's does at the end of a run.
PROGRAM = r"""
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static __thread int held;
static volatile int ready, waits;
_Bool LOCKED(void) { return held; }
static void *processor(void *unused)
{
    pthread_setname_np(pthread_self(), "CPU 0/TCG");
    ready = 1;
    usleep(200000);
    pthread_mutex_lock(&lock);
    waits = 1;
    while (1)
        pthread_cond_wait(&never, &lock);
    return unused;
}
int main(int count, char **words)
{
    struct timespec now = {0, 0};
    pthread_t thread;
    int with_lock = count > 1;
    if (with_lock) {
        pthread_mutex_lock(&lock);
        held = 1;
    }
    pthread_create(&thread, NULL, processor, words);
    while (!ready)
        ;
    ppoll(NULL, 0, &now, NULL);
    printf("%d\n", waits);
    return 0;
}
"""


# since QEMU 9.0, and before
@pytest.mark.parametrize("name", ["bql_locked", "qemu_mutex_iothread_locked"])
@pytest.mark.parametrize("with_lock", [False, True])
def test_the_main_loop_waits_only_without_the_lock(
    tmp_path: Path, name: str, with_lock: bool
) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    shim = find_shim()
    if compiler is None or shim is None:
        pytest.skip("a C compiler is not installed: apt install gcc libc6-dev")
    (tmp_path / "loop.c").write_text(PROGRAM)
    argv = [
        compiler,
        "-O1",
        "-rdynamic",
        f"-DLOCKED={name}",
        "-o",
        str(tmp_path / "loop"),
        str(tmp_path / "loop.c"),
        "-pthread",
    ]
    subprocess.run(argv, check=True)
    loop = [str(tmp_path / "loop"), *(["held"] if with_lock else [])]
    done = subprocess.run(
        loop,
        env={**os.environ, "LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == ("0\n" if with_lock else "1\n")
