"""``congestion_control: {source: my_cc.c}``: a congestion control of one's own, beside the spec.

What is read here is the text alone. Whether it compiles is known where it is compiled
(``tcpexp.places.modules``), and what it is called is verified in the kernel that has loaded it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from tcpexp.spec.congestion import CONGESTION_CONTROLS, check_congestion_control
from tcpexp.spec.placed import NestedErrors, PlacedError
from tcpexp.units import QuantityError

#: A congestion control in C, and one in BPF (struct_ops).
MODULE, BPF = ".c", ".bpf.c"
#: TCP_CA_NAME_MAX (include/net/tcp.h) has room for the closing zero.
LONGEST_NAME = 15
LARGEST_SOURCE = 200_000
_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_OPS = re.compile(r"struct\s+tcp_congestion_ops\b[^;{]*=\s*\{")
_NAME = re.compile(r'\.name\s*=\s*("([^"\n]*)"|KBUILD_MODNAME)')
_NEEDS_ECN = re.compile(r"\bTCP_CONG_NEEDS_ECN\b")
#: The name of the source in a context of validation: names that the spec itself declares.
OWN_NAMES = "own_controls"
Value = Annotated[int | bool | str | tuple[int, ...], Field(union_mode="left_to_right")]


class OwnControl(BaseModel):
    """A congestion control of one's own: its source and its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(
        description=(
            "its C file beside the spec, such as my_cc.c; headers that it includes by"
            ' `#include "..."` lie beside it'
        )
    )
    name: str | None = Field(
        default=None,
        description=(
            "what it is called; as its `.name` when silent, needed where that is"
            " `KBUILD_MODNAME` and differs from the file's name"
        ),
    )
    parameters: dict[str, Value] = Field(
        default_factory=dict, description="values of its `module_param`s, by name"
    )

    @field_validator("source")
    @classmethod
    def _check_source(cls, value: str) -> str:
        if not value.endswith(MODULE):
            raise QuantityError(
                f"'{value[:60]}' is not a C file",
                "write the name of a .c file beside the spec; a built .ko fits one kernel only",
            )
        return value

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        return None if value is None else check_own_name(value)

    @field_validator("parameters", mode="before")
    @classmethod
    def _check_parameters(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, dict) else ():
            if not re.fullmatch(r"[A-Za-z_]\w*", str(key)):
                raise PlacedError(
                    f"'{str(key)[:40]}' is not the name of a parameter",
                    "write what stands in module_param(...)",
                    (key,),
                    key=True,
                )
        return raw


#: What may stand where a congestion control is named, for editors.
CONTROL_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "enum": list(CONGESTION_CONTROLS)},
        {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,14}$"},
        OwnControl.model_json_schema(),
    ]
}


def own_control(raw: Any) -> OwnControl:
    """Return the control that a mapping, or the name of its file alone, describes.

    Raises ``NestedErrors``, which tells the places in the mapping.
    """
    try:
        return OwnControl.model_validate({"source": raw} if isinstance(raw, str) else raw)
    except ValidationError as error:
        raise NestedErrors(error, OwnControl) from None


def parse_control(value: Any, info: ValidationInfo) -> str | OwnControl:
    """Return what stands where a congestion control is named: a name, or one of one's own."""
    if isinstance(value, OwnControl):
        return value
    if isinstance(value, dict):
        return own_control(value)
    if not isinstance(value, str):
        raise QuantityError(
            f"'{str(value)[:40]}' is not a congestion control",
            "write a name such as cubic, or {source: my_cc.c}",
        )
    if value in ((info.context or {}).get(OWN_NAMES) or ()):
        return value
    if value.endswith(MODULE):
        raise QuantityError(
            f"'{value[:60]}' is a file, not a name", f"write {{source: {value[:60]}}}"
        )
    return check_congestion_control(value)


def check_own_name(name: str) -> str:
    """Return ``name`` when a control of one's own can be called so; raises ``QuantityError``."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or len(name) > LONGEST_NAME:
        raise QuantityError(
            f"a congestion control cannot be called '{name[:40]}'",
            f"letters, digits, _ and -, at most {LONGEST_NAME} (TCP_CA_NAME_MAX in the kernel)",
        )
    if name in CONGESTION_CONTROLS:
        raise QuantityError(
            f"the kernel has a congestion control '{name}' already",
            f"call yours otherwise, such as my_{name}"[:60],
        )
    return name


def without_comments(text: str) -> str:
    """Return a C text with its comments blanked out, lines and columns unchanged."""

    def blank(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return _COMMENT.sub(blank, text)


def names_in(text: str) -> list[str | None]:
    """Return the ``.name`` of each ``struct tcp_congestion_ops`` of a C text, None for
    ``KBUILD_MODNAME``.
    """
    code = without_comments(text)
    found: list[str | None] = []
    for start in _OPS.finditer(code):
        end = code.find("};", start.end())
        match = _NAME.search(code, start.end(), len(code) if end < 0 else end)
        if match is not None:
            found.append(match[2])
    return found


def name_of(control: OwnControl, text: str) -> str:
    """Return what a control is called, from its text and the spec's word.

    Raises ``PlacedError`` where they do not fit together.
    """
    names = names_in(text)
    if not names:
        raise PlacedError(
            f"{control.source} names no congestion control",
            'it needs a struct tcp_congestion_ops with .name = "..."',
            ("source",),
        )
    stem = Path(control.source).name.removesuffix(BPF).removesuffix(MODULE)
    fixed = [name for name in names if name is not None]
    if control.name is None:
        if len(names) > 1:
            said = ", ".join(name or "KBUILD_MODNAME" for name in names)
            raise PlacedError(
                f"{control.source} has several congestion controls: {said}",
                "say which one with name:",
                ("source",),
            )
        name, where = names[0] or stem, ("source",)
    elif control.name in fixed or len(fixed) < len(names):
        name, where = control.name, ("name",)
    else:
        raise PlacedError(
            f"{control.source} calls itself '{fixed[0]}', not '{control.name}'",
            f"write name: {fixed[0]}, or .name = KBUILD_MODNAME in the source, which is then"
            " called as the spec says",
            ("name",),
        )
    try:
        return check_own_name(name)
    except QuantityError as error:
        raise PlacedError(error.message, error.hint, where) from None


def needs_ecn(text: str) -> bool:
    """Return whether a control is itself only where packets are marked."""
    return _NEEDS_ECN.search(without_comments(text)) is not None


def declared_names(raw: Any, folder: Path) -> frozenset[str]:
    """Return the names of all controls of their own that a spec's plain values declare.

    Whatever cannot be read is left to who reports it.
    """
    top = raw.get("congestion_controls") if isinstance(raw, dict) else None
    named = [str(name) for name in top] if isinstance(top, dict) else []
    return frozenset([*named, *_declared(raw, folder)])


def _declared(raw: Any, folder: Path) -> Iterator[str]:
    if isinstance(raw, list):
        for value in raw:
            yield from _declared(value, folder)
    if not isinstance(raw, dict):
        return
    source = raw.get("source")
    if isinstance(source, str) and source.endswith(MODULE):
        try:
            path = (folder / source).resolve()
            if not path.is_relative_to(folder.resolve()):
                return
            text = path.read_text(encoding="utf-8", errors="replace")
            yield name_of(OwnControl(source=source, name=raw.get("name")), text)
        except (OSError, ValueError, ValidationError):
            pass
    for value in raw.values():
        yield from _declared(value, folder)
