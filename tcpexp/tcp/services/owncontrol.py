"""A congestion control of one's own for the TCP in user space: a class in a Python file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from tcpexp.tcp.core.congestion.base import CongestionControl
from tcpexp.tcp.core.congestion.builtin import CONTROLS, add_control


def load_control(text: str) -> tuple[str, ...]:
    """Make the congestion controls of a Python file known; return their names.

    Those are the subclasses of ``CongestionControl`` that the file itself defines, each by its
    ``name``. Raises ``ValueError`` where there is none, or the file cannot be run.
    """
    path = Path(text)
    module_name = f"tcpexp_own_control_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"there is no Python file '{text}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = _line_in(error, path)
        raise ValueError(f"{path.name}{line}: {type(error).__name__}: {error}") from None
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, CongestionControl)
        and value.__module__ == module_name
    ]
    for control in found:
        if CONTROLS.get(control.name) is not control:
            add_control(control)
    if not found:
        raise ValueError(f"{path.name} has no class that is a CongestionControl, with a name")
    return tuple(control.name for control in found)


def _line_in(error: BaseException, path: Path) -> str:
    """Return ``:12`` for an error that came from that line of the file."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    place, line = error.__traceback__, ""
    while place is not None:
        if place.tb_frame.f_code.co_filename == str(path):
            line = f":{place.tb_lineno}"
        place = place.tb_next
    return line
