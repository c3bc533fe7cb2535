"""PNG files hold the pixels as they were given."""

import io

import numpy as np
import pytest
from PIL import Image

from tcpexp.plots.png import png_bytes


@pytest.mark.parametrize(("opacity", "mode"), [(255, "RGB"), (128, "RGBA")])
def test_what_is_written_is_what_is_read(opacity, mode):
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53, 4), dtype=np.uint8)
    pixels[:, :, 3] = opacity
    image = Image.open(io.BytesIO(png_bytes(pixels, 150)))
    assert (image.size, image.mode) == ((53, 37), mode)
    assert np.array_equal(np.asarray(image.convert("RGBA")), pixels)
    assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
