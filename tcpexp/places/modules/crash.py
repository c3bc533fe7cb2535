"""What brought a guest's kernel down, where a congestion control of the spec's own was loaded."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from pathlib import Path

from tcpexp.errors import RunError
from tcpexp.places.kernel.programs import clean_environment
from tcpexp.places.modules.build import BuiltModule, object_name

#: ``RIP: 0033:my_ssthresh+0x2d/0x87 [my_cc]``: show_regs, in arch/x86.
_PLACE = re.compile(r"RIP: [0-9a-f]+:(\w+(?:\.\w+)*)\+0x([0-9a-f]+)/0x[0-9a-f]+ \[(\w+)\]")
#: relay_signal in arch/um/kernel/trap.c, which says no more.
_SIGNAL = re.compile(r"Kernel mode signal (\d+)")
_SIGNALS = {
    signal.SIGFPE: "a division by zero",
    signal.SIGILL: "BUG(), or a trap that the compiler put where the C is undefined, such as a"
    " division by a zero that it can see",
}


def crash_words(console: str, built: tuple[BuiltModule, ...]) -> tuple[str, str | None] | None:
    """Return what crashed, and a hint, from what the kernel printed; None when nothing says that it
    was one of the modules.
    """
    names = {object_name(one.name): one for one in built}
    for match in _PLACE.finditer(console):
        one = names.get(match[3])
        if one is not None:
            line = source_line(one, match[1], int(match[2], 16))
            where = f" at {line}" if line else ""
            return (
                f"the congestion control {one.name} crashed in its function {match[1]}{where}",
                "it used an address that is not its own, such as NULL",
            )
    found = _SIGNAL.search(console)
    if found is not None and names:
        number = int(found[1])
        known = {int(key): words for key, words in _SIGNALS.items()}
        listed = ", ".join(one.name for one in built)
        return (
            f"the kernel came upon {known.get(number, f'the signal {number}')}, with the congestion"
            f" control {listed} loaded",
            "raw/console.txt ends with what was printed before: pr_info() tells how far it came",
        )
    return None


def explained(error: RunError, console: str, built: tuple[BuiltModule, ...]) -> RunError:
    """Return the error of a guest that ended, with what a module of the spec's own has to do with
    it.
    """
    if not built:
        return error
    found = crash_words(console, built)
    if found is not None:
        return RunError(f"{found[0]}: {error.message}", hint=found[1])
    if "did not answer" in error.message or "did not stop" in error.message:
        listed = ", ".join(one.name for one in built)
        return RunError(
            f"{error.message}, with the congestion control {listed} loaded",
            hint=f"does each of its loops end? {error.hint or ''}".strip(),
        )
    return error


def source_line(one: BuiltModule, function: str, offset: int) -> str | None:
    """Return ``my_cc.c:42`` for a place in a function, None where that cannot be told."""
    if one.debug is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "module.debug"
        path.write_bytes(one.debug)
        symbols = _said(["nm", str(path)])
        start = re.search(rf"^([0-9a-f]+) [tT] {re.escape(function)}$", symbols, re.MULTILINE)
        if start is None:
            return None
        address = f"{int(start[1], 16) + offset:#x}"
        words = _said(["addr2line", "-j", ".text", "-e", str(path), address]).strip()
    match = re.search(r"([^/\s]+\.[ch]):(\d+)", words)
    if match is None:
        return None
    source = Path(str(one.facts["source"]))
    own = match[1] == f"{object_name(one.name)}.c"
    return f"{source if own else source.parent / match[1]}:{match[2]}"


def _said(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=clean_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
