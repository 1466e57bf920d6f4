"""The images among outputs, as model APIs take them."""

from __future__ import annotations

import base64
import io
import random
import struct
import time
import zlib

import pytest
from PIL import Image as Picture

from jupyter_mcp_proxy.outputs.images import LONGEST_SIDE, MOST_PIXELS, ROOM, Image, NoImage, images, shrink

USE = '<use href="#a{}"/>'
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30"><rect width="30" height="30" fill="red"/></svg>'
)


def encoded(picture: Picture.Image, kind: str = "PNG", **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return base64.encodebytes(buffer.getvalue()).decode()


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> str:
    return encoded(Picture.new(mode, (width, height), "red" if mode in ("RGB", "RGBA", "P") else 1), kind)


def noise(width: int, height: int, mode: str = "RGB") -> Picture.Image:
    return Picture.frombytes(mode, (width, height), random.Random(7).randbytes(width * height * len(mode)))


def opened(image: Image | NoImage) -> Picture.Image:
    assert isinstance(image, Image)
    shown = Picture.open(io.BytesIO(base64.b64decode(image.data)))
    assert Picture.MIME[shown.format or ""] == image.media_type
    return shown


def displayed(**data: object) -> dict:
    return {"output_type": "display_data", "data": {media.replace("__", "/"): value for media, value in data.items()}}


def test_a_large_image_is_scaled_down_and_a_small_one_left_alone() -> None:
    large, small = picture(4000, 1000), picture(10, 10)
    found = images([displayed(image__png=data) for data in (large, small)])
    assert opened(shrink(*found[0])).size == (LONGEST_SIDE, LONGEST_SIDE // 4)
    assert shrink(*found[1]) == Image("".join(small.split()), "image/png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_the_type_is_what_the_bytes_are_whatever_the_output_says(kind: str) -> None:
    """Model APIs refuse a GIF that is declared as PNG, and the conversation with it."""
    data = picture(20, 10, kind)
    for declared in ("image/png", "image/jpeg", "image/x-odd"):
        assert shrink(data, declared) == Image("".join(data.split()), f"image/{kind.lower()}")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM"])
def test_what_model_apis_do_not_take_is_made_a_png(kind: str) -> None:
    found = images([{"output_type": "display_data", "data": {f"image/{kind.lower()}": picture(32, 32, kind)}}])
    assert shrink(*found[0]).media_type == "image/png"  # type: ignore[union-attr]
    assert opened(shrink(*found[0])).size == (32, 32)


def test_of_a_moving_picture_the_first_frame_is_shown() -> None:
    frames = [Picture.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    shown = opened(shrink(moving, "image/gif"))
    assert shown.format == "PNG"
    assert shown.convert("RGB").getpixel((5, 5)) == (255, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_any_kind_of_pixels_can_be_scaled(mode: str) -> None:
    made = Picture.new("F", (3000, 100), 1) if mode == "F" else Picture.new(mode, (3000, 100))
    shown = opened(shrink(encoded(made, "TIFF" if mode in ("CMYK", "F") else "PNG"), "image/png"))
    assert max(shown.size) == LONGEST_SIDE


@pytest.mark.parametrize(("width", "height", "mode"), [(480, 480, "RGB"), (1000, 800, "RGB"), (900, 900, "RGBA")])
@pytest.mark.parametrize("room", [ROOM, ROOM // 4, 20_000])
def test_an_image_is_within_its_room(width: int, height: int, mode: str, room: int) -> None:
    """First with fewer colours or as a JPEG, then smaller."""
    shown = shrink(encoded(noise(width, height, mode)), "image/png", room)
    assert opened(shown)
    assert len(shown.data) <= room  # type: ignore[union-attr]


def test_an_image_loses_colours_before_it_loses_size() -> None:
    shown = opened(shrink(encoded(noise(600, 600)), "image/png"))
    assert shown.size == (600, 600)


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    """200 MB of pixels in 200 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 100_000
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    began = time.monotonic()
    shown = shrink(base64.b64encode(bomb).decode(), "image/png")
    assert isinstance(shown, NoImage)
    assert "pixels" in shown.reason
    assert time.monotonic() - began < 5
    wide = encoded(Picture.new("1", (MOST_PIXELS // 1000 + 1, 1000)))
    assert f"more than {MOST_PIXELS:,}" in shrink(wide, "image/png").reason  # type: ignore[union-attr]


@pytest.mark.parametrize("data", ["bm8gaW1hZ2U=", "%%%", "", "a"])
def test_what_is_no_image_is_not_shown_as_one(data: str) -> None:
    """A client would refuse the whole conversation for it."""
    assert isinstance(shrink(data, "image/png"), NoImage)


def test_a_picture_that_is_cut_off_is_not_shown() -> None:
    whole = base64.b64decode(encoded(noise(100, 100)))
    assert isinstance(shrink(base64.b64encode(whole[: len(whole) // 2]).decode(), "image/png"), NoImage)


def test_a_drawing_is_drawn() -> None:
    shown = opened(shrink(*images([{"output_type": "display_data", "data": {"image/svg+xml": [DRAWING]}}])[0]))
    assert shown.size == (60, 30)
    assert shown.convert("RGB").getpixel((5, 5)) == (255, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "markup",
    [
        DRAWING.replace('width="60" height="30"', 'width="1000000" height="1000000"'),
        DRAWING.replace('width="60" height="30"', 'viewBox="0 0 1e9 1e9"'),
        DRAWING.replace('width="60" height="30"', 'width="300%" height="9e9cm"'),
        "<svg",
        "no drawing",
        "",
    ],
)
def test_a_drawing_that_would_fill_the_memory_harms_nobody(markup: str) -> None:
    """The renderer aborts its process for it."""
    shown = shrink(markup, "image/svg+xml")
    assert isinstance(shown, NoImage) or max(opened(shown).size) <= LONGEST_SIDE


def test_a_drawing_of_too_many_parts_is_given_up() -> None:
    parts = "".join(f'<g id="a{n + 1}">{USE.format(n) * 20}</g>' for n in range(12))
    laughs = f'<svg xmlns="http://www.w3.org/2000/svg"><defs><rect id="a0"/>{parts}</defs><use href="#a12"/></svg>'
    began = time.monotonic()
    shrink(laughs, "image/svg+xml")
    assert time.monotonic() - began < 60


def test_nothing_that_a_drawing_refers_to_is_read(tmp_path: object) -> None:
    secret = f"{tmp_path}/secret.png"
    Picture.new("RGB", (30, 30), "blue").save(secret)
    size = 'width="30" height="30"'
    image = f'<image {size} href="{secret}"/>'
    inner = base64.b64encode(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{image}</svg>'.encode()).decode()
    for drawn in (image, image.replace("href", "x:href"), image.replace(secret, f"data:image/svg+xml;base64,{inner}")):
        markup = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" {size}>{drawn}</svg>'
        shown = opened(shrink(markup, "image/svg+xml"))
        assert shown.convert("RGB").getpixel((15, 15)) == (255, 255, 255)  # type: ignore[arg-type]
    hidden = f'<!DOCTYPE svg [<!ENTITY x "{image.replace("href", "&#x68;ref").replace(chr(34), chr(39))}">]>'
    assert isinstance(shrink(f"{hidden}{markup.replace(drawn, '&x;')}", "image/svg+xml"), NoImage)


def test_images_within_html_are_shown_where_nothing_plainer_came_with_it() -> None:
    markup = f'<p>A <img alt="x" src="data:image/png;base64,{picture(10, 10)}"></p>'
    found = images([displayed(text__html=markup, text__plain="<IPython.core.display.HTML object>")])
    assert opened(shrink(*found[0])).size == (10, 10)
    assert images([displayed(text__html=markup, text__plain="a table")]) == []
