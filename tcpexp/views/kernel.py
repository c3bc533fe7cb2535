"""Which kernel made a run: its hash, and how to say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def kernel_hash(run: RunData) -> str | None:
    """Return the sha256 of the kernel that made a run; None where its place has the one only."""
    found = (run.manifest or {}).get("kernel_sha256")
    return found if isinstance(found, str) else None


def kernel_name(run: RunData) -> str:
    """Return the kernel's name, such as ``debian-6.1``; its version, or nothing, without one."""
    manifest = run.manifest or {}
    for part in ("host", "versions"):  # records of earlier versions have it among the versions
        name = (manifest.get(part) or {}).get("kernel_name")
        if name:
            return str(name)
    return _release(run)


def kernel_words(run: RunData) -> str:
    """Return which kernel made a run, such as ``debian-7.3 (Linux 7.3.4-tcpexp, 864f5ef89518)``.

    The version is what the kernel said of itself in the run; nothing where it said none.
    """
    release, digest, name = _release(run), kernel_hash(run), kernel_name(run)
    facts = [f"Linux {release}"] if release else []
    facts += [digest[:12]] if digest else []
    if name in ("", release):
        return ", ".join(facts)
    return f"{name} ({', '.join(facts)})" if facts else name


def _release(run: RunData) -> str:
    versions = {
        **(run.engine.get("versions") or {}),
        **((run.manifest or {}).get("versions") or {}),
    }
    return str(versions.get("kernel") or "")
