"""Fetch a kernel's source from Debian's archive, verified by Debian's keys.

By apt, on package lists of its own: the machine's package sources stay as they are, no root is
needed, and it works on Ubuntu too. ``TCPEXP_DEBIAN_MIRRORS`` names other mirrors, as for the image.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tcpexp.errors import HostError, RunError
from tcpexp.places.kernel.programs import call, clean_environment
from tcpexp.places.kernel.recipe import NEWEST, Recipe, Source
from tcpexp.telling import Say

MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://deb.debian.org/debian-security"
#: Debian's archive of everything that was ever in it.
SNAPSHOTS = "http://snapshot.debian.org/archive"
KEYRINGS = "/usr/share/keyrings/debian-archive-keyring.*"
#: Where a series is looked for that no recipe names: in the first group that has it, the newest.
#: The first group's lists are small.
SUITES = (
    ("trixie-backports", "bookworm-backports"),
    ("trixie-security", "trixie-updates", "trixie"),
    ("bookworm-security", "bookworm-updates", "bookworm"),
    ("forky", "sid", "experimental"),
)
_VERSION = re.compile(r"^\s*\S+ \|\s*(\S+) \|", re.MULTILINE)
_DEB_LINE = re.compile(r"^deb(?:\s+\[(?P<options>[^\]]*)\])?\s+(?P<address>\S+)")


@dataclass(frozen=True)
class Fetched:
    """A package of the source, and its version in Debian's words."""

    package: Path
    version: str


#: What fetches: a recipe, a folder to work in, the log.
Fetch = Callable[[Recipe, Path, Path, Say], Fetched]


def fetch_source(recipe: Recipe, work: Path, log: Path, say: Say) -> Fetched:
    """Return the package of the recipe's source, in ``work``.

    The tested version where the suites, or Debian's archive of old versions, have it; else the
    newest of the same package where the recipe allows that.

    Raises:
        HostError: no place has it.
        RunError: apt failed.
    """
    source = recipe.source
    assert isinstance(source, Source)
    if source.version == NEWEST:
        return _fetch_newest(source, work, log, say)
    mirrors = mirrors_of(os.environ.get("TCPEXP_DEBIAN_MIRRORS", ""))
    here = _Archive(work / "apt", source_lines(source.suites, mirrors), log)
    versions = here.versions(source.package)
    if source.version in versions:
        return here.fetch(source.package, source.version, say)
    if source.snapshot is not None and not mirrors and here.reached():
        say(f"{source.package} {source.version} has left Debian's mirrors: asking their archive")
        lines = snapshot_lines(source.suites, source.snapshot)
        past = _Archive(work / "apt-past", lines, log)
        if source.version in past.versions(source.package):
            return past.fetch(source.package, source.version, say)
    if not here.reached():
        hint = f"is the network up? TCPEXP_DEBIAN_MIRRORS names other mirrors; apt's words: {log}"
        raise HostError("no mirror of Debian answers", hint=hint)
    if not versions or source.otherwise == "nothing":
        suites = ", ".join(source.suites)
        found = f" (there is {versions[0]})" if versions else ""
        raise HostError(
            f"no place has {source.package} {source.version}{found}; looked in: {suites}",
            hint=f"tcpexp kernel import FILE, from somebody who built it; apt's words: {log}",
        )
    say(f"{source.package} {source.version}, the tested version, is gone: taking {versions[0]}")
    return here.fetch(source.package, versions[0], say)


def _fetch_newest(source: Source, work: Path, log: Path, say: Say) -> Fetched:
    """Return the newest package of a series, from the first group of suites that has it."""
    mirrors = mirrors_of(os.environ.get("TCPEXP_DEBIAN_MIRRORS", ""))
    others: list[str] = []
    reached = False
    for number, suites in enumerate(SUITES):
        say(f"looking for {source.package} in {', '.join(suites)}")
        here = _Archive(work / f"apt-{number}", source_lines(suites, mirrors), log)
        versions = here.versions(source.package)
        if versions:
            return here.fetch(source.package, versions[0], say)
        others += here.series()
        reached = reached or here.reached()
    if not reached:
        hint = f"is the network up? TCPEXP_DEBIAN_MIRRORS names other mirrors; apt's words: {log}"
        raise HostError("no mirror of Debian answers", hint=hint)
    there = ", ".join(dict.fromkeys(others)) or "none"
    raise HostError(
        f"no suite of Debian has {source.package}",
        hint=f"there are: {there}; or give a tree of the source: tcpexp kernel build PATH",
    )


def mirrors_of(text: str) -> list[str]:
    """Return the mirrors that ``TCPEXP_DEBIAN_MIRRORS`` names, apart by semicolons."""
    return [mirror.strip() for mirror in text.split(";") if mirror.strip()]


def source_lines(suites: tuple[str, ...], mirrors: list[str]) -> list[str]:
    """Return the lines of ``sources.list`` for these suites.

    A mirror is an address, a line ``deb ... ADDRESS SUITE COMPONENT`` of which the address and the
    options are taken, or a file of sources, which is taken as it is.
    """
    lines = []
    for mirror in mirrors or [MIRROR, SECURITY_MIRROR]:
        if Path(mirror).is_file():
            lines += Path(mirror).read_text().splitlines()
            continue
        match = _DEB_LINE.match(mirror)
        address = match["address"] if match else mirror
        options = (match["options"] or "") if match else ""
        for suite in suites:
            if suite.endswith("-security") == ("debian-security" in address):
                lines.append(_line(address, suite, options))
    return list(dict.fromkeys(lines))


def snapshot_lines(suites: tuple[str, ...], instant: str) -> list[str]:
    """Return the lines of ``sources.list`` for these suites as they were at ``instant``."""
    kinds = {True: "debian-security", False: "debian"}
    return [
        _line(
            f"{SNAPSHOTS}/{kinds[suite.endswith('-security')]}/{instant}",
            suite,
            "check-valid-until=no",
        )
        for suite in suites
    ]


def _line(address: str, suite: str, options: str) -> str:
    keyring = next(iter(sorted(glob.glob(KEYRINGS))), None)
    signed = f"signed-by={keyring}" if keyring and "signed-by" not in options else ""
    words = f"{options} {signed}".strip()
    return f"deb {f'[{words}] ' if words else ''}{address} {suite} main"


class _Archive:
    """Package lists of our own, in a folder that is removed with the rest of the build."""

    def __init__(self, folder: Path, lines: list[str], log: Path) -> None:
        self.folder = folder
        self.log = log
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        deb822 = any(line.startswith("Types:") for line in lines)
        sources = folder / ("debian.sources" if deb822 else "sources.list")
        sources.write_text("\n".join(lines) + "\n")
        (folder / "status").touch()
        self.configuration = folder / "apt.conf"
        self.configuration.write_text(_configuration(folder, sources))

    def versions(self, package: str) -> list[str]:
        """Return the versions of a package, the newest first; empty when there is none."""
        with suppress(RunError):  # one suite of several may be gone; the log has apt's words
            self._apt("apt-get", "-q", "update")
        argv = ["apt-cache", f"-c={self.configuration}", "madison", package]
        done = subprocess.run(
            argv, env=clean_environment(), capture_output=True, text=True, check=False, timeout=120
        )
        return list(dict.fromkeys(_VERSION.findall(done.stdout)))

    def series(self) -> list[str]:
        """Return the series of which there is a package of the source."""
        argv = ["apt-cache", f"-c={self.configuration}", "pkgnames", "linux-source-"]
        done = subprocess.run(
            argv, env=clean_environment(), capture_output=True, text=True, check=False, timeout=120
        )
        found = re.findall(r"^linux-source-(\d+)\.(\d+)$", done.stdout, re.MULTILINE)
        return [f"{a}.{b}" for a, b in sorted((int(major), int(minor)) for major, minor in found)]

    def reached(self) -> bool:
        """Return whether any mirror answered."""
        return any((self.folder / "lists").glob("*Release"))

    def fetch(self, package: str, version: str, say: Say) -> Fetched:
        """Download a package; apt verifies it. Raises ``RunError``."""
        say(f"fetching {package} {version} from Debian (some 140 to 170 MB)")
        self._apt("apt-get", "-q", "download", f"{package}={version}")
        found = list(self.folder.glob("*.deb"))
        if len(found) != 1:
            raise RunError(f"apt-get left no package of {package}", hint=f"its words: {self.log}")
        return Fetched(found[0], version)

    def _apt(self, program: str, *words: str) -> None:
        argv = [program, f"-c={self.configuration}", *words]
        call(argv, self.log, cwd=self.folder, what=f"{program} {words[1]} failed")


def _configuration(folder: Path, sources: Path) -> str:
    """Return apt's settings: everything of its own but proxies and the like."""
    settings = {
        "Dir::Etc::SourceList": sources if sources.name == "sources.list" else "/dev/null",
        "Dir::Etc::SourceParts": "/dev/null" if sources.name == "sources.list" else folder,
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::Lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Cache::archives": folder / "cache" / "archives",
        "Dir::Log": folder,
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
    }
    hooks = (
        "APT::Update::Pre-Invoke",
        "APT::Update::Post-Invoke",
        "APT::Update::Post-Invoke-Success",
    )
    lines = [f"#clear {hook};" for hook in (*hooks, "APT::Architectures")]
    return "\n".join([*lines, *(f'{name} "{value}";' for name, value in settings.items())]) + "\n"


def fetch_packages(
    packages: dict[str, str], suites: tuple[str, ...], work: Path, log: Path, say: Say
) -> list[Path]:
    """Return Debian's packages of these names and versions, downloaded into ``work``.

    Raises:
        HostError: no mirror answers, or none has a package in this version any more.
        RunError: apt failed.
    """
    mirrors = mirrors_of(os.environ.get("TCPEXP_DEBIAN_MIRRORS", ""))
    archive = _Archive(work / "apt", source_lines(suites, mirrors), log)
    for name, version in packages.items():
        found = archive.versions(name)
        if not archive.reached():
            hint = "is the network up? TCPEXP_DEBIAN_MIRRORS names other mirrors"
            raise HostError("no mirror of Debian answers", hint=hint)
        if version not in found:
            there = f"; there is {found[0]}" if found else ""
            raise HostError(f"Debian's mirrors have no {name} {version} any more{there}")
    say(f"fetching {', '.join(packages)} from Debian")
    wanted = [f"{name}={version}" for name, version in packages.items()]
    argv = ["apt-get", f"-c={archive.configuration}", "-q", "download", *wanted]
    call(argv, log, cwd=archive.folder, what="apt-get download failed")
    return sorted(archive.folder.glob("*.deb"))
