"""The manifest of a run: what ran where, with which versions, and the sha256 of every file.

Written last.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tcpexp
from tcpexp.errors import DataError
from tcpexp.store.rundir import to_json_text, write_atomic

MANIFEST_SCHEMA = 1
NAME = "manifest.json"

Status = Literal["complete", "interrupted", "failed"]


@dataclass(frozen=True)
class Manifest:
    """What a run was.

    ``where`` is a place's name (guest: QEMU, in manifests of version 0.1), ``clock`` virtual or
    real. ``wall_s`` and ``virtual_s`` are seconds on this machine's clock and on the experiment's
    clock. ``versions`` names tcpexp, the kernel and the tools; ``image_sha256`` the guest's image
    and ``kernel_sha256`` its kernel, None where there is none. ``modules`` has the congestion
    controls of the spec's own: the sha256 of source and module, and the compiler. ``failure`` says
    where and why a run that is not complete ended. ``files`` maps every file's path to its sha256.
    """

    experiment: str
    run_id: str
    status: Status
    where: str
    clock: Literal["virtual", "real"]
    seed: int
    wall_s: float
    virtual_s: float
    versions: dict[str, str] = field(default_factory=dict)
    image_sha256: str | None = None
    kernel_sha256: str | None = None
    modules: dict[str, dict[str, str]] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    command: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    manifest_schema: int = MANIFEST_SCHEMA


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(run_dir: Path, *, derived_only: bool = False) -> dict[str, str]:
    """Return the sha256 of every file of a run but the manifest itself: relative POSIX path to
    hexadecimal digest.
    """
    paths = sorted(path for path in run_dir.rglob("*") if path.is_file() and not path.is_symlink())
    named = {path.relative_to(run_dir).as_posix(): path for path in paths if path != run_dir / NAME}
    if derived_only:
        named = {name: path for name, path in named.items() if not is_recorded(name)}
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(named, pool.map(sha256_of, named.values()), strict=True))


def write_manifest(run_dir: Path, manifest: Manifest) -> Manifest:
    """Hash every file, write ``manifest.json`` atomically, and return what was written.

    Call it last: whatever is written afterwards is not covered. Raises ``RunError`` when the disk
    is full.
    """
    versions = {"tcpexp": tcpexp.__version__, **manifest.versions}
    whole = dataclasses.replace(manifest, versions=versions, files=hash_files(run_dir))
    write_atomic(run_dir / NAME, to_json_text(dataclasses.asdict(whole)))
    return whole


def read_manifest(run_dir: Path) -> Manifest:
    """Return the manifest of a run; raises ``DataError`` when it is absent or damaged."""
    path = run_dir / NAME
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        raise DataError(
            f"{path}: no such file",
            hint="the run never reached its end; its raw data may still be read",
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged: {error}") from None
    names = {field.name for field in dataclasses.fields(Manifest)}
    if (
        not isinstance(raw, dict)
        or not set(raw) <= names
        or raw.get("manifest_schema") != MANIFEST_SCHEMA
    ):
        raise DataError(
            f"{path}: not a manifest of version {MANIFEST_SCHEMA}",
            hint="made by another version of tcpexp?",
        )
    try:
        return Manifest(**{**raw, "command": tuple(raw.get("command", ()))})
    except TypeError as error:
        raise DataError(f"{path}: damaged: {error}") from None


def refresh_manifest(run_dir: Path) -> Manifest:
    """Bring the digests of derived files up to date after they were made again; those of ``raw/``
    and the plan stay.

    So a change of the recorded data can never be hidden by making the report again. Raises
    ``DataError``.
    """
    old = read_manifest(run_dir)
    kept = {name: digest for name, digest in old.files.items() if is_recorded(name)}
    derived = hash_files(run_dir, derived_only=True)
    new = dataclasses.replace(old, files={**derived, **kept})
    write_atomic(run_dir / NAME, to_json_text(dataclasses.asdict(new)))
    return new


def is_recorded(name: str) -> bool:
    """Return whether a file of a run was recorded (or given), and so can never be made again from
    the rest.
    """
    return name.startswith("raw/") or name in ("spec.yaml", "plan.json", "events.jsonl")


def verify(run_dir: Path, *, recorded_only: bool = False) -> Manifest:
    """Check every file against the manifest and return it; raises ``DataError`` naming each damaged
    or missing file.

    ``recorded_only`` leaves out derived files, which can be made again.
    """
    manifest = read_manifest(run_dir)
    now = hash_files(run_dir)
    asked = {
        name: digest
        for name, digest in manifest.files.items()
        if is_recorded(name) or not recorded_only
    }
    missing = sorted(set(asked) - set(now))
    damaged = sorted(name for name, digest in asked.items() if name in now and now[name] != digest)
    if missing or damaged:
        parts = [f"{name}: missing" for name in missing] + [
            f"{name}: changed since the run" for name in damaged
        ]
        derived = not any(is_recorded(name) for name in missing + damaged)
        hint = (
            "`tcpexp report RUN` makes derived files again"
            if derived
            else "the recorded data is not what was recorded"
        )
        raise DataError(f"{run_dir}: " + "; ".join(parts), hint=hint)
    return manifest
