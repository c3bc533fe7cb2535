"""A study in a store that fsspec knows (``s3://...``, ``sftp://...``, ``memory://...``, a path):
its tables, and its finished runs as archives.
"""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tcpexp.batch.folder import CELL, StudyFolder, pack
from tcpexp.errors import DataError, HostError

_SUFFIX = ".tar.gz"


def copy_tables(tables: Path, store: str) -> str:
    """Make the datasets in ``store`` those in the folder ``tables``, and return ``store``; raises
    ``HostError``.

    Parquet files of an earlier copy that the study has no more are removed from there; nothing else
    is.
    """
    with _opened(
        store, "the study's own folder has the tables; try again with the same command"
    ) as (filesystem, root):
        names = sorted(path.relative_to(tables).as_posix() for path in tables.rglob("*.parquet"))
        for name in names:
            to = posixpath.join(root, name)
            filesystem.makedirs(posixpath.dirname(to), exist_ok=True)
            filesystem.put_file(str(tables / name), to)
        for kind in ("runs", "metrics", "series"):
            above = posixpath.join(root, kind)
            for path in filesystem.find(above) if filesystem.exists(above) else ():
                name = f"{kind}/{str(path).rsplit(f'/{kind}/', 1)[-1]}"
                if path.endswith(".parquet") and name not in names:
                    filesystem.rm_file(path)
    return store


def put_cells(study: Path, store: str) -> int:
    """Put every finished run that is not there yet into ``cells/`` of ``store``, an archive each.

    Return how many. Raises ``HostError``.
    """
    count = 0
    with _opened(
        store, "finished runs are kept in the study's folder; try again with the same command"
    ) as (filesystem, root):
        above = posixpath.join(root, "cells")
        filesystem.makedirs(above, exist_ok=True)
        there = _keys(filesystem, above)
        for cell in sorted((study / "cells").iterdir()) if (study / "cells").is_dir() else ():
            if cell.name not in there and (cell / CELL).is_file():
                target = posixpath.join(above, cell.name + _SUFFIX)
                filesystem.pipe_file(target + ".part", pack(cell))
                filesystem.mv(target + ".part", target)
                count += 1
    return count


def fetch_cells(folder: StudyFolder, store: str, keys: Collection[str]) -> int:
    """Take the finished runs ``keys`` that are in ``store`` and not in ``folder``; return how many.

    Raises ``HostError``, and ``DataError`` for an archive that is damaged.
    """
    count = 0
    with _opened(store, "without --store the sweep goes on with what is in its folder") as (
        filesystem,
        root,
    ):
        above = posixpath.join(root, "cells")
        there = _keys(filesystem, above) if filesystem.exists(above) else set()
        for key in sorted(set(keys) & there):
            if folder.has(key):
                continue
            name = posixpath.join(above, key + _SUFFIX)
            try:
                folder.unpack(filesystem.cat_file(name), key, failed=False)
                if folder.read_cell(key).get("key") != key:
                    raise DataError("it is another run")
            except (tarfile.TarError, EOFError, zlib.error, DataError) as error:
                raise DataError(
                    f"{name} in {store} is damaged: {error}",
                    hint="remove it there, and the run is made anew",
                ) from None
            count += 1
    return count


def _keys(filesystem: Any, above: str) -> set[str]:
    names = (posixpath.basename(str(path)) for path in filesystem.ls(above, detail=False))
    return {name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)}


@contextmanager
def _opened(store: str, hint: str) -> Iterator[tuple[Any, str]]:
    """Yield the store's file system and the path in it.

    What goes wrong there becomes a ``HostError``.
    """
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(store)
        filesystem.invalidate_cache()
        yield filesystem, path.rstrip("/")
    except ImportError as error:
        raise HostError(
            f"{store} needs a package of fsspec: {error}",
            hint="pip install the package that the message names",
        ) from None
    except (OSError, ValueError) as error:
        raise HostError(
            f"the study cannot be copied to or from {store}: {error}", hint=hint
        ) from None
