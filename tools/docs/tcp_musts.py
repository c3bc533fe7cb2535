"""The page of RFC 9293's MUSTs that the user-space TCP meets, made from the citations in its
docstrings.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tcpexp.tcp
from tcpexp.tcp.musts import MUSTS, NOT_MET
from tcpexp.tcp.rfcs import find_citations

HERE = Path(tcpexp.tcp.__file__).parent
#: Tools beside the protocol, which follow no RFC.
TOOLS = (
    "simulator",
    "adapters",
    "services",
    "program.py",
    "__main__.py",
    "musts.py",
    "rfcs.py",
    "__init__.py",
)


class Passage(NamedTuple):
    """A docstring: module, name of function or class, text."""

    module: str
    name: str
    text: str
    function: bool

    def __str__(self) -> str:
        return f"`{self.module}.{self.name}`" if self.name else f"`{self.module}`"


def find_docstrings(root: Path = HERE, leave_out: tuple[str, ...] = TOOLS) -> Iterator[Passage]:
    """Yield every module, class and function of the protocol with its docstring, in the order of
    files and lines; not those in ``leave_out``.
    """
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if relative.parts[0] in leave_out or path.name == "__init__.py":
            continue
        module = ".".join(relative.with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield Passage(module, "", ast.get_docstring(tree) or "", function=False)
        yield from _walk(tree, module, "")


def _walk(node: ast.AST, module: str, prefix: str) -> Iterator[Passage]:
    """Yield the classes and functions inside ``node``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            name = f"{prefix}{child.name}"
            yield Passage(
                module, name, ast.get_docstring(child) or "", isinstance(child, ast.FunctionDef)
            )
            yield from _walk(child, module, name + ".")


def find_met() -> dict[int, list[Passage]]:
    """Return, for each MUST that is cited, where: in the protocol, or in the adapters, which own
    the IP header.
    """
    met: dict[int, list[Passage]] = {}
    for passage in find_docstrings(leave_out=tuple(each for each in TOOLS if each != "adapters")):
        for rfc, _, numbers in find_citations(passage.text):
            if rfc == 9293:
                for number in numbers:
                    if passage not in met.setdefault(number, []):
                        met[number].append(passage)
    return met


def page() -> str:
    """Return the page."""
    met = find_met()
    rows = []
    for number, (section, what) in MUSTS.items():
        where = ", ".join(map(str, met[number])) if number in met else NOT_MET[number]
        rows.append(f"| MUST-{number} | {section} | {what} | {where} |")
    return "\n".join(
        [
            "# What RFC 9293 demands, and where it is met",
            "",
            (
                f"`tcpexp.tcp` ([interface](../concepts/tcp.md)) meets {len(met)} of the"
                f" {len(MUSTS)} requirements that RFC 9293 marks MUST. This page is made from"
            ),
            (
                "the citations in the code by `python -m tools.docs`. Places are modules and"
                " functions"
            ),
            (
                "of `tcpexp.tcp`; those in `adapters` write and read the IP header. The wording is"
                " short; the RFC's counts. What is"
            ),
            "not met says why.",
            "",
            "| | section | what it wants | where it is met |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
