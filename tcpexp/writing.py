"""Scripts beside Latin that a text uses, and the fonts that this machine has for them.

Latin is in every font. Ranges are those of the Unicode blocks; a script is told from its letters, so digits, punctuation and combining
marks belong to none.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """A way of writing: its blocks, a letter that every font for it has, and Debian's package of such a font."""

    name: str
    ranges: tuple[tuple[int, int], ...]
    letter: str
    package: str

    def has(self, character: str) -> bool:
        """Return whether a character belongs to it."""
        return any(first <= ord(character) <= last for first, last in self.ranges)


SCRIPTS = (
    Script("Greek", ((0x370, 0x3FF), (0x1F00, 0x1FFF)), "\u03b1", "fonts-dejavu-core"),
    Script("Cyrillic", ((0x400, 0x52F),), "\u0416", "fonts-dejavu-core"),
    Script("Hebrew", ((0x590, 0x5FF), (0xFB1D, 0xFB4F)), "\u05d0", "fonts-dejavu-core"),
    Script("Arabic", ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)), "\u0627", "fonts-dejavu-core"),
    Script("Devanagari", ((0x900, 0x97F), (0xA8E0, 0xA8FF)), "\u0915", "fonts-noto-core"),
    Script("Bengali", ((0x980, 0x9FF),), "\u0995", "fonts-noto-core"),
    Script("Tamil", ((0xB80, 0xBFF),), "\u0b95", "fonts-noto-core"),
    Script("Thai", ((0xE00, 0xE7F),), "\u0e01", "fonts-noto-core"),
    Script("Chinese", ((0x2E80, 0x2FDF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)), "\u4e2d", "fonts-noto-cjk"),
    Script("Japanese", ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)), "\u3042", "fonts-noto-cjk"),
    Script("Korean", ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3)), "\uac00", "fonts-noto-cjk"),
    Script("emoji", ((0x1F300, 0x1FAFF), (0x1F1E6, 0x1F1FF)), "\U0001f680", "fonts-symbola"),
)


def scripts_of(texts: Iterable[str]) -> tuple[Script, ...]:
    """Return the scripts whose letters stand in the texts, in the order of :data:`SCRIPTS`."""
    letters = {character for text in texts for character in text if ord(character) > 0x2AF}
    return tuple(script for script in SCRIPTS if any(script.has(letter) for letter in letters))


@functools.cache
def font_families(script: Script) -> tuple[str, ...]:
    """Return the font families of this machine that have the script's letter, by fontconfig; empty where it is not installed too."""
    tool = shutil.which("fc-list")
    if tool is None:
        return ()
    argv = [tool, f":charset={ord(script.letter):x}", "family"]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    return tuple(sorted({line.partition(",")[0].replace("\\", "") for line in done.stdout.splitlines() if line}))


def scripts_without_font(texts: Iterable[str]) -> tuple[Script, ...]:
    """Return the scripts of the texts for which this machine has no font: figures and PDF would show boxes."""
    return tuple(script for script in scripts_of(texts) if not font_families(script))


def install_fonts(scripts: Iterable[Script]) -> str:
    """Return the command that brings fonts for the scripts."""
    packages = dict.fromkeys(script.package for script in scripts)
    fontconfig = [] if shutil.which("fc-list") else ["fontconfig"]
    return f"apt install {' '.join([*fontconfig, *packages])}"
