"""A script's shell commands as data, for a guest that has no shell to run them with.

Scripts come from anywhere, so nothing of theirs reaches a shell. Understood are words, quotes,
comments, arithmetic between ``$((`` and ``))``, pipes, ``;``, ``&&``, ``||``, output thrown away,
and scripts beside the script, which are read the same way. Let through are ``sysctl``, ``ip``,
``tc``, ``ethtool`` and what only looks (``nstat``, ``grep``), and files in ``/tmp``.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from tcpexp.packetdrill.outcome import Unplayable

Node = dict[str, Any]
#: Returns the text of a file, by its path from the script's folder; None where there is none.
ReadFile = Callable[[str], str | None]

_WORD = re.compile(
    r"""[ \t]*(?:(?P<comment>\#[^\n]*)|(?P<operator>&&|\|\||[;|\n])"""
    r"""|(?P<redirect>(?:\d|&)?>>?&?)|(?P<word>(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|\$\(\(.*?\)\)"""
    r"""|[^\s;|&<>"'\\#]|(?<=[^\s;|&])\#)+))""",
    re.VERBOSE | re.DOTALL,
)
#: Programs that a script may run, and what they may say.
PROGRAMS = ("ip", "tc", "ethtool", "nstat", "grep", "true", "sleep")
ON_FILES = ("rm", "dd")
#: Settings of modules that scripts write with ``echo``.
WRITABLE = re.compile(r"/sys/module/tcp_\w+/parameters/\w+|/proc/sys/net/[\w/.-]+")
READABLE = re.compile(r"/proc/net/[\w/]+")
MAX_DEPTH = 4
_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
    ast.LShift: operator.lshift,
}


def parse_commands(text: str, read: ReadFile, folder: str = ".", depth: int = 0) -> list[Node]:
    """Return the nodes of a text of commands (:mod:`tcpexp.packetdrill.guest.commands`).

    Raises:
        Unplayable: a command is not among those that are let through.
    """
    nodes: list[Node] = []
    joined = re.sub(r"\\\n", " ", text)
    link, pipe, words = ";", [], []  # type: str, list[list[str]], list[str]
    place, thrown = 0, False

    def end_pipeline(following: str) -> None:
        nonlocal link, pipe, words, thrown
        if words:
            pipe.append(words)
        if pipe:
            nodes.append({"op": link, **_node(pipe, read, folder, depth)})
        link, pipe, words, thrown = following, [], [], False

    joined = joined.rstrip()
    while place < len(joined):
        match = _WORD.match(joined, place)
        if match is None:
            raise Unplayable(f"the shell's '{joined[place : place + 20].strip()}'")
        place = match.end()
        if match["comment"] is not None:
            continue
        if match["operator"] is not None:
            sign = match["operator"]
            if sign == "|":
                pipe.append(words)
                words = []
            else:
                end_pipeline(";" if sign == "\n" else sign)
        elif match["redirect"] is not None:
            target = _WORD.match(joined, place)
            if target is None or target["word"] is None:
                raise Unplayable("a redirection without a target")
            place = target.end()
            name = target["word"]
            if name != "/dev/null" and not (match["redirect"].endswith("&") and name == "1"):
                words += [">", _expand(name)]
        else:
            words.append(_expand(match["word"]))
    end_pipeline(";")
    return nodes


def _expand(word: str) -> str:
    """Return a word without its quotes, arithmetic done."""
    out, place = "", 0
    pattern = re.compile(
        r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|\\(.)|(\$\(\(.*?\)\))|([^"\'\\$]+|\$)', re.S
    )
    while place < len(word):
        match = pattern.match(word, place)
        if match is None:
            raise Unplayable(f"the shell's word {word}")
        place = match.end()
        double, single, escaped, arithmetic, plain = match.groups()
        if double is not None:
            out += re.sub(r"\$\(\((.*?)\)\)", lambda found: str(_calculate(found[1])), double)
        elif arithmetic is not None:
            out += str(_calculate(arithmetic[3:-2]))
        else:
            out += single if single is not None else escaped or plain
    if "$" in out.replace("${PPID}", "") or "`" in out:
        raise Unplayable(f"the shell's variable in {word}")
    return out


def _calculate(text: str) -> int:
    def value(node: ast.AST) -> int:
        if isinstance(node, ast.Expression):
            return value(node.body)
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return int(_ARITHMETIC[type(node.op)](value(node.left), value(node.right)))
        raise Unplayable(f"the shell's arithmetic {text}")

    try:
        return value(ast.parse(text.strip(), mode="eval"))
    except SyntaxError:
        raise Unplayable(f"the shell's arithmetic {text}") from None


def _node(pipe: list[list[str]], read: ReadFile, folder: str, depth: int) -> Node:
    argv = pipe[0]
    name = PurePosixPath(argv[0]).name
    if len(pipe) == 1 and argv[0].startswith("/tmp/sysctl_restore_"):
        return {"pipe": [["restore"]]}
    if len(pipe) == 1 and name == "set_sysctls.py":
        return {"pipe": [["set_sysctls", *_settings(argv[1:])]]}
    if len(pipe) == 1 and name == "sysctl":
        if not any("=" in word for word in argv[1:]):
            raise Unplayable("sysctl that only reads")
        return {"pipe": [["sysctl", *(word for word in argv[1:] if word != "-w")]]}
    if len(pipe) == 1 and name == "echo" and len(argv) == 4 and argv[2] == ">":
        if not WRITABLE.fullmatch(argv[3]):
            raise Unplayable(f"writing to {argv[3]}")
        return {"pipe": [["write", argv[1], argv[3]]]}
    if len(pipe) == 1 and name.endswith(".sh"):
        return {"block": _script(argv, read, folder, depth)}
    return {"pipe": [_program(words) for words in pipe]}


def _settings(words: list[str]) -> list[str]:
    for word in words:
        if not WRITABLE.fullmatch(word.partition("=")[0]):
            raise Unplayable(f"setting {word}")
    return words


def _script(argv: list[str], read: ReadFile, folder: str, depth: int) -> list[Node]:
    if len(argv) > 1 or depth >= MAX_DEPTH:
        raise Unplayable(f"the shell script {argv[0]}")
    path = PurePosixPath(folder) / argv[0]
    text = read(str(path))
    if text is None:
        raise Unplayable(f"{argv[0]}, which is not there")
    return parse_commands(text, read, str(path.parent), depth + 1)


def _program(words: list[str]) -> list[str]:
    """Return the arguments of a program that may run.

    Raises:
        Unplayable: it may not.
    """
    if not words:
        raise Unplayable("an empty command")
    name = PurePosixPath(words[0]).name
    if ">" in words:
        raise Unplayable(f"output of {name} to a file")
    if name in ON_FILES:
        for word in words[1:]:
            path = word.partition("=")[2] if name == "dd" else word
            wanted = path.startswith("/tmp/") and ".." not in path
            if not wanted and path.startswith("/") and path != "/dev/zero":
                raise Unplayable(f"{name} on {path}")
        return [name, *words[1:]]
    if name not in PROGRAMS:
        raise Unplayable(f"the command {name}")
    if name == "ip" and set(words) & {"netns", "vrf", "-n", "-netns", "-b", "-batch"}:
        raise Unplayable("ip in another namespace")
    if name == "tc" and set(words) & {"-n", "-netns", "-b", "-batch", "exec", "bpf"}:
        raise Unplayable("tc with a file")
    if name == "grep":
        for word in words[2:]:
            if not word.startswith("-") and "/" in word and not READABLE.fullmatch(word):
                raise Unplayable(f"grep in {word}")
    return [name, *words[1:]]
