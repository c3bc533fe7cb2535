"""Scripts beside Latin that a text uses, and the fonts that this machine has for them.

Latin is in every font. Ranges are those of the Unicode blocks; a script is told from its letters,
so digits, punctuation and combining marks belong to none.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """A way of writing: its blocks, a letter that every font for it has, and Debian's package of
    such a font.
    """

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
    Script(
        "Arabic",
        ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
        "\u0627",
        "fonts-dejavu-core",
    ),
    Script("Devanagari", ((0x900, 0x97F), (0xA8E0, 0xA8FF)), "\u0915", "fonts-noto-core"),
    Script("Bengali", ((0x980, 0x9FF),), "\u0995", "fonts-noto-core"),
    Script("Tamil", ((0xB80, 0xBFF),), "\u0b95", "fonts-noto-core"),
    Script("Thai", ((0xE00, 0xE7F),), "\u0e01", "fonts-noto-core"),
    Script(
        "Chinese",
        (
            (0x2E80, 0x2FDF),
            (0x3400, 0x4DBF),
            (0x4E00, 0x9FFF),
            (0xF900, 0xFAFF),
            (0x20000, 0x323AF),
        ),
        "\u4e2d",
        "fonts-noto-cjk",
    ),
    Script(
        "Japanese",
        ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
        "\u3042",
        "fonts-noto-cjk",
    ),
    Script(
        "Korean", ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3)), "\uac00", "fonts-noto-cjk"
    ),
    Script("emoji", ((0x1F300, 0x1FAFF), (0x1F1E6, 0x1F1FF)), "\U0001f680", "fonts-symbola"),
)


def scripts_of(texts: Iterable[str]) -> tuple[Script, ...]:
    """Return the scripts whose letters stand in the texts, in the order of :data:`SCRIPTS`."""
    letters = {character for text in texts for character in text if ord(character) > 0x2AF}
    return tuple(script for script in SCRIPTS if any(script.has(letter) for letter in letters))


def letters_of(script: Script, texts: Iterable[str]) -> str:
    """Return the script's letters that stand in the texts, each once and in order.

    The script's own letter where none does.
    """
    return (
        "".join(
            sorted({character for text in texts for character in text if script.has(character)})
        )
        or script.letter
    )


@functools.cache
def font_families(letters: str) -> tuple[str, ...]:
    """Return the font families of this machine that have all these letters, by fontconfig.

    Empty where it is not installed too.
    """
    tool = shutil.which("fc-list")
    if tool is None:
        return ()
    argv = [tool, f":charset={' '.join(f'{ord(letter):x}' for letter in letters)}", "family"]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    return tuple(
        sorted(
            {line.partition(",")[0].replace("\\", "") for line in done.stdout.splitlines() if line}
        )
    )


def drawable_families(letters: str) -> list[str]:
    """Return the font families with which matplotlib can draw these letters: not those of coloured
    pictures, which it cannot scale.
    """
    return [name for name in font_families(letters) if "color" not in name.lower()]


def scripts_without_font(texts: Sequence[str]) -> tuple[Script, ...]:
    """Return the scripts of the texts for whose letters this machine has no font that figures can
    be drawn with: they would show boxes.
    """
    return tuple(
        script for script in scripts_of(texts) if not drawable_families(letters_of(script, texts))
    )


def direction(text: str) -> str:
    """Return the attribute of an HTML element whose text is read from right to left, by its first
    letter; else nothing.

    Written out rather than ``dir="auto"``, which what prints PDF does not know.
    """
    kinds = (unicodedata.bidirectional(character) for character in text)
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return "" if first == "L" else ' dir="rtl"'


def install_fonts(scripts: Iterable[Script]) -> str:
    """Return the command that brings fonts for the scripts."""
    packages = dict.fromkeys(script.package for script in scripts)
    fontconfig = [] if shutil.which("fc-list") else ["fontconfig"]
    return f"apt install {' '.join([*fontconfig, *packages])}"


def letter_em(character: str) -> float | None:
    """Return how wide a letter of another script is, in em; None for one of Latin, Greek or
    Cyrillic, whose widths a Latin font has.

    Ideographs, kana, hangul and emoji are square (Unicode Standard Annex 11: W and F); marks that
    stand on another letter take no room.
    """
    if ord(character) < 0x300:
        return None
    kind = unicodedata.category(character)
    if kind in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 1.0
    return 0.65 if ord(character) > 0x52F and kind[0] == "L" else None


def fallback_families(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the families, beside DejaVu Sans, with which matplotlib draws the texts: one for each
    script that has any.
    """
    found: list[str] = []
    for script in scripts_of(texts):
        families = drawable_families(letters_of(script, texts))
        if not any(name in (*found, "DejaVu Sans") for name in families):
            found += [name for name in families if _is_known(name)][:1]
    return tuple(found)


def _is_known(family: str) -> bool:
    """Return whether matplotlib has a font, which it is told of where it was installed after
    matplotlib listed them.
    """
    from matplotlib import font_manager

    return any(entry.name == family for entry in font_manager.fontManager.ttflist) or _add_font(
        family
    )


def _add_font(family: str) -> bool:
    """Make a font known that was installed after matplotlib listed them.

    Return whether it could be read.
    """
    from matplotlib import font_manager

    tool = shutil.which("fc-match")
    if tool is None:
        return False
    path = subprocess.run(
        [tool, "-f", "%{file}", family], capture_output=True, text=True, check=False
    ).stdout
    try:
        font_manager.fontManager.addfont(path)
    except (OSError, RuntimeError, ValueError):
        return False
    return any(entry.name == family for entry in font_manager.fontManager.ttflist)
