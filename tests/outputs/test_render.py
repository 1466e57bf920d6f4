"""How outputs are told to a model."""

from __future__ import annotations

import base64
import io
import time

import pytest
from PIL import Image as Picture

from jupyter_mcp_proxy.outputs.render import LONGEST_SIDE, Image, cut, images, shrink, within_budget
from jupyter_mcp_proxy.outputs.text import html_text, output_text
from jupyter_mcp_proxy.outputs.transcript import Transcript


def picture(width: int, height: int, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    Picture.new("RGB", (width, height), "red").save(buffer, kind)
    return base64.encodebytes(buffer.getvalue()).decode()


def test_text_is_preferred_to_markup() -> None:
    data = {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "   a\n0  1"}
    assert output_text({"output_type": "display_data", "data": data}) == "   a\n0  1"


def test_markup_alone_is_told_by_its_words() -> None:
    data = {"text/html": "<style>p {}</style><p>A &amp; B</p><script>x()</script>"}
    assert output_text({"output_type": "display_data", "data": data}) == "A & B"


def test_an_image_is_named_in_the_text() -> None:
    data = {"image/png": picture(1, 1), "text/plain": "<Figure>"}
    assert output_text({"output_type": "display_data", "data": data}) == "[image/png <Figure>]"


def test_an_error_is_its_traceback_without_colours() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]}
    assert output_text(error) == "E: v"


def test_a_large_image_is_scaled_down_and_a_small_one_left_alone() -> None:
    large, small = picture(4000, 1000), picture(10, 10)
    found = images([{"output_type": "display_data", "data": {"image/png": data}} for data in (large, small)])
    shrunk = shrink(*found[0])
    assert shrunk is not None
    with Picture.open(io.BytesIO(base64.b64decode(shrunk.data))) as shown:
        assert shown.size == (LONGEST_SIDE, LONGEST_SIDE // 4)
    assert shrink(*found[1]) == Image("".join(small.split()), "image/png")


def test_what_is_no_image_is_not_shown_as_one() -> None:
    """A client would refuse the whole conversation for it."""
    found = images([{"output_type": "display_data", "data": {"image/png": "bm8gaW1hZ2U="}}])
    assert shrink(*found[0]) is None


def test_a_long_output_is_told_by_head_and_tail_with_the_way_to_the_rest() -> None:
    transcript = Transcript()
    transcript.write("a" * 5000 + "b" * 5000 + "\n")
    told = within_budget(transcript, 0, 1000, 'read_output(execution="x1")')
    assert told.startswith("a" * 600)
    assert told.endswith("b" * 399 + "\n")
    assert '9,001 characters left out; read_output(execution="x1") with offset=600' in told


def test_a_text_within_the_budget_is_told_whole() -> None:
    assert cut("abc", 3, "x") == "abc"


def test_markup_is_told_without_its_code() -> None:
    markup = "<p>one</p><script>x < 1</script>\n\n\n<STYLE>p {}</style >two &amp; <b>three</b><script>never closed"
    assert html_text(markup) == "one\n\n two &  three"


@pytest.mark.parametrize("piece", ["<", "<script ", "<script>", "</script", " ", "\n ", "<a"])
def test_no_markup_takes_long(piece: str) -> None:
    """A notebook from elsewhere may hold anything; what is tried again from each place would stop the sidecar."""
    began = time.process_time()
    html_text(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 5
