"""Congestion controls of a spec's own, in the plan: their texts, their hashes, their parameters.

The texts travel with the plan, as the files of programs do. So a run can be made again elsewhere,
and its identity is that of what it was made with.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError
from tcpexp.plan.types import ControlModule, PlanFile
from tcpexp.spec.owncontrol import (
    BPF,
    LARGEST_SOURCE,
    OwnControl,
    name_of,
    needs_ecn,
    without_comments,
)
from tcpexp.spec.placed import PlacedError

if TYPE_CHECKING:
    from tcpexp.plan.context import PlanDraft
    from tcpexp.spec.model import ExperimentSpec

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"\n]+)"', re.MULTILINE)
_TRACE_FILE = re.compile(r"^\s*#\s*define\s+TRACE_INCLUDE_FILE\s+(\S+)", re.MULTILINE)
MOST_HEADERS = 40
Path_ = tuple[str | int, ...]


def take_controls(spec: ExperimentSpec, draft: PlanDraft) -> list[SpecError]:
    """Take along what ``congestion_controls:`` and ``hosts:`` declare; return what is wrong."""
    errors = []
    for name, control in spec.congestion_controls.items():
        try:
            take_control(draft, spec, control, ("congestion_controls", name), called=name)
        except SpecError as error:
            errors.append(error)
    for name, settings in spec.hosts.items():
        control = settings.congestion_control
        if isinstance(control, OwnControl):
            try:
                take_control(draft, spec, control, ("hosts", name, "congestion_control"))
            except SpecError as error:
                errors.append(error)
    return errors


def take_control(
    draft: PlanDraft,
    spec: ExperimentSpec,
    control: OwnControl,
    path: Path_,
    *,
    called: str | None = None,
) -> ControlModule:
    """Take along a control that the spec names at ``path``; return it as the plan has it.

    The same one may be named several times. Raises ``SpecError`` at its place.
    """

    def fail(message: str, hint: str | None, *keys: str, at_key: bool = False) -> SpecError:
        held = (*path, *keys)
        where = spec.place(*(held if spec.raw_at(*held) is not None else path), key=at_key)
        return SpecError(message, where=where, hint=hint)

    if not draft.runs_code:
        raise fail(
            f"the spec brings a congestion control of its own, '{control.source}', which would run"
            " as a part of the kernel",
            "read it, and run it yourself if you trust it",
        )
    if called is not None:
        if control.name not in (None, called):
            raise fail(
                f"'{called}' says that its name is '{control.name}'",
                "leave name: out here",
                "name",
            )
        control = control.model_copy(update={"name": called})
    try:
        texts = _texts(draft.folder, control.source)
        name = name_of(control, texts[Path(control.source).name])
    except PlacedError as error:
        keys = tuple(str(key) for key in error.path)
        if called is not None and keys == ("name",):
            raise fail(error.message, error.hint, at_key=True) from None
        raise fail(error.message, error.hint, *keys) from None
    parameters = {key: _as_text(value) for key, value in control.parameters.items()}
    for key, value in parameters.items():
        if re.search(r"[\s\"]", value):
            raise fail(
                f"'{value[:40]}' cannot be a parameter's value",
                "the kernel takes no blanks and no quotes",
                "parameters",
                key,
            )
    own, *headers = texts
    module = ControlModule(
        name,
        control.source,
        _sha256(texts[own]),
        {header: _sha256(texts[header]) for header in headers},
        parameters,
        "bpf" if control.source.endswith(BPF) else "c",
    )
    known = draft.modules.get(name)
    if known is not None and known != module:
        differs = "parameters" if known.sha256 == module.sha256 else "source"
        raise fail(
            f"the congestion control '{name}' is named with another {differs} elsewhere",
            "a module is loaded once: for a second variant write .name = KBUILD_MODNAME in the"
            " source, and give each a name: of its own",
        )
    draft.modules[name] = module
    if any(needs_ecn(text) for text in texts.values()):
        draft.modules_for_ecn.add(name)
    for file, text in texts.items():
        whole = f"{module.folder}/{file}"
        draft.files[whole] = PlanFile(whole, text)
    return module


def _texts(folder: Path, source: str) -> dict[str, str]:
    """Return the source and the headers beside it that it includes, by name, the source first.

    Raises ``PlacedError``.
    """
    main = Path(source)
    found: dict[str, str] = {}
    waiting = [main.name]
    while waiting:
        name = waiting.pop(0)
        path = folder / main.parent / name
        if name in found or (found and not path.is_file()):
            continue  # not beside it: one of the kernel's own
        if not path.resolve().is_relative_to(folder.resolve()) or Path(source).is_absolute():
            raise PlacedError(
                f"'{name[:60]}' is not beside the spec",
                "write a path from the spec's folder",
                ("source",),
            )
        found[name] = _read(path, name)
        if len(found) > MOST_HEADERS:
            raise PlacedError(f"{source} includes too many files", "at most 40", ("source",))
        code = without_comments(found[name])
        waiting += _INCLUDE.findall(code)
        waiting += [f"{stem}.h" for stem in _TRACE_FILE.findall(code)]
    return found


def _read(path: Path, name: str) -> str:
    try:
        if path.stat().st_size > LARGEST_SOURCE:
            raise PlacedError(
                f"'{name}' is larger than {LARGEST_SOURCE // 1000} kB", "is it C?", ("source",)
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlacedError(
            f"there is no file '{name}' beside the spec", f"looked for {path}", ("source",)
        ) from None
    except UnicodeDecodeError:
        raise PlacedError(f"'{name}' is not UTF-8", "save it as UTF-8", ("source",)) from None
    except OSError as error:
        raise PlacedError(f"cannot read '{name}': {error.strerror}", "", ("source",)) from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)
