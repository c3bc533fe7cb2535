"""Guest images for tests: the four files of one, with hashes that fit, and nothing in them that
could boot.
"""

from __future__ import annotations

import json
from pathlib import Path

from tcpexp.places.image import recipe
from tcpexp.places.image.archive import HASHED, combined
from tcpexp.places.image.image import Image, active_folder, load_image
from tcpexp.store.manifest import sha256_of


def make_image(text: str = "one", folder: Path | None = None) -> Image:
    """Write an image that is told from others by ``text`` into the cache (where runs look for
    theirs), and return it.
    """
    folder = folder or active_folder()
    folder.mkdir(parents=True)
    (folder / "root.erofs").write_bytes(text.encode() + bytes(3 << 20))
    (folder / "vmlinuz").write_text(f"kernel {text}")
    (folder / "initrd.cpio").write_text(f"initrd {text}")
    sha256 = combined({name: sha256_of(folder / name) for name in HASHED})
    described = {
        "sha256": sha256,
        "kernel": "6.1.0",
        "recipe": recipe.recipe_hash(),
        "packages": {"a": "1"},
        "bytes": 100,
        "build_seconds": 12.3,
    }
    (folder / "image.json").write_text(json.dumps(described))
    image = load_image(folder)
    assert image is not None
    return image
