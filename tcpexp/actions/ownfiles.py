"""``files`` and ``build`` of the actions that run programs: what lies beside the spec, and what is
compiled from it, in the program's working folder.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from tcpexp.errors import HostError, RunError
from tcpexp.plan.context import PlanContext

#: All files of one action together.
LARGEST_BYTES = 8_000_000
_LEFT_OUT = {"__pycache__"}


def files_beside(context: PlanContext, names: Sequence[str]) -> dict[str, bytes]:
    """Return files beside the spec by their path from its folder.

    A folder stands for all files in it.
    """
    found: dict[str, bytes] = {}
    for number, name in enumerate(names):
        key = ("files", number)
        path = inside(context, name, key)
        if not path.exists():
            raise context.error(
                f"there is no file or folder '{name}' beside the spec",
                hint=f"looked for {path}",
                key=key,
            )
        below = (
            [file for file in sorted(path.rglob("*")) if not _LEFT_OUT & set(file.parts)]
            if path.is_dir()
            else [path]
        )
        for file in below:
            if file.is_file():
                relative = str(file.relative_to(context.draft.folder))
                inside(context, relative, key)
                try:
                    found[relative] = file.read_bytes()
                except OSError as error:
                    raise context.error(
                        f"cannot read '{relative}': {error.strerror}", key=key
                    ) from None
    check_size(context, found)
    return found


def inside(context: PlanContext, name: str, key: tuple[str | int, ...]) -> Path:
    """Return the path of ``name``.

    Refuses what leads out of the spec's folder, by ``..`` or by a link.
    """
    folder = context.draft.folder
    path = folder / name
    if (
        Path(name).is_absolute()
        or not Path(name).parts
        or not path.resolve().is_relative_to(folder.resolve())
    ):
        raise context.error(
            f"'{name}' is not beside the spec",
            hint="write a path from the spec's folder, such as client.py or data/",
            key=key,
        )
    return path


def check_size(context: PlanContext, files: Mapping[str, bytes]) -> None:
    """Refuse more than travels well in a plan."""
    total = sum(map(len, files.values()))
    if total > LARGEST_BYTES:
        largest = max(files, key=lambda name: len(files[name]))
        raise context.error(
            f"the files have {total:,} bytes together, '{largest}' {len(files[largest]):,} of them;"
            f" at most {LARGEST_BYTES:,} travel with a run",
            hint="let the program make large data itself",
            key="files",
        )


def built(context: PlanContext, argv: Sequence[str], files: dict[str, bytes]) -> dict[str, bytes]:
    """Return ``files`` and what the command makes of them.

    Words of the command that name files beside the spec are taken along.
    """
    if not context.draft.runs_code:
        cause = (
            f"the spec builds a program of its own with '{argv[0]}', which would run on this"
            " machine"
        )
        raise context.error(cause, hint="read it, and run it yourself if you trust it", key="build")
    named = [
        word
        for word in argv[1:]
        if word not in files
        and not word.startswith("-")
        and (context.draft.folder / word).is_file()
    ]
    for word in named:
        files |= {word: inside(context, word, ("build",)).read_bytes()}
    from tcpexp.machine.building import build_files

    try:
        return files | build_files(argv, files)
    except (HostError, RunError) as error:
        raise context.error(error.message, hint=error.hint, key="build") from None


def lay_files(context: PlanContext, step_id: str, files: Mapping[str, bytes]) -> None:
    """Ship files into the working folder of a step's program: the engine lays ``work/<step id>/``
    there before it starts.
    """
    check_size(context, files)
    for name, content in files.items():
        try:
            context.file(f"work/{step_id}/{name}", content.decode("utf-8"))
        except UnicodeDecodeError:
            context.file(f"work/{step_id}/{name}", base64.b64encode(content).decode(), binary=True)
