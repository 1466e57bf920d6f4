"""Images, charts and tracebacks as a client gets them: of the right type, no more than it takes, the rest at hand."""

from __future__ import annotations

import base64
import io
import re

import pytest
from harness import ERAS, JupyterProcess, connect, until
from harness.agents import text
from mcp_types import BlobResourceContents, CallToolResult, ImageContent
from PIL import Image

from jupyter_mcp_proxy.tools.pictures import LARGEST_ANSWER
from jupyter_mcp_proxy.tools.targets import Target

pytestmark = pytest.mark.anyio

PREPARE = """
import base64, io, os
from PIL import Image
from IPython.display import display
def show(image, kind='PNG', declared='image/png'):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    display({declared: base64.b64encode(buffer.getvalue()).decode(), 'text/plain': '<Figure>'}, raw=True)
def noise(width, height):
    return Image.frombytes('RGB', (width, height), os.urandom(width * height * 3))
"""


def pictures(result: CallToolResult) -> list[ImageContent]:
    """A result's images, each of which is what it says."""
    found = [block for block in result.content if isinstance(block, ImageContent)]
    for block in found:
        with Image.open(io.BytesIO(base64.b64decode(block.data))) as image:
            assert Image.MIME[image.format or ""] == block.mime_type
    return found


def size(result: CallToolResult) -> int:
    return sum(len(block.model_dump_json()) for block in result.content)


async def test_an_answer_is_never_larger_than_every_client_takes(server: JupyterProcess, name: str) -> None:
    server.write_notebook(name, PREPARE, "\n".join(["show(noise(480, 480))"] * 4), "show(noise(400, 400))")
    async with connect(server, ERAS[1]) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        for images, count in (("first", 1), ("all", 4), ("none", 0)):
            result = await agent.call("execute_cell", notebook=name, cell=1, images=images)
            assert len(pictures(result)) == count
            assert size(result) <= LARGEST_ANSWER
        result = await agent.call("run_cells", notebook=name, images="all")
        assert len(pictures(result)) == 4
        assert size(result) <= LARGEST_ANSWER
        result = await agent.call("read_cells", notebook=name, images="all", outputs="full")
        assert len(pictures(result)) == 4
        assert size(result) <= LARGEST_ANSWER
        read = await agent.client.read_resource(Target(name, "1", 0).uri)
        blob = read.contents[0]
        assert isinstance(blob, BlobResourceContents)
        assert len(blob.blob) <= LARGEST_ANSWER
        with Image.open(io.BytesIO(base64.b64decode(blob.blob))) as image:
            assert Image.MIME[image.format or ""] == blob.mime_type


async def test_an_image_is_of_the_type_that_its_bytes_are(server: JupyterProcess, name: str) -> None:
    shows = "show(Image.new('RGB', (20, 10)), 'GIF')\nshow(Image.new('RGB', (20, 10)), 'BMP', 'image/bmp')"
    server.write_notebook(name, PREPARE, shows)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        result = await agent.call("execute_cell", notebook=name, cell=1, images="all")
        assert [block.mime_type for block in pictures(result)] == ["image/gif", "image/png"]
        result = await agent.call("read_cell", notebook=name, cell=1)
        assert [block.mime_type for block in pictures(result)] == ["image/gif"]
        assert "2 images, 1 not shown" in text(result)
        assert pictures(await agent.call("read_cell", notebook=name, cell=1, images="none")) == []
        assert pictures(await agent.call("read_cells", notebook=name, outputs="off")) == []
        result = await agent.call("read_output", notebook=name, cell=1, image=1)
        assert [block.mime_type for block in pictures(result)] == ["image/png"]
        read = await agent.client.read_resource(Target(name, "1", 0).uri)
        assert read.contents[0].mime_type == "image/gif"


async def test_the_images_of_several_cells_say_whose_they_are(server: JupyterProcess, name: str) -> None:
    show = "show(Image.new('RGB', (20, 10)))"
    server.write_notebook(name, PREPARE, show, "1", f"{show}\n{show}")
    async with connect(server) as agent:
        result = await agent.call("run_cells", notebook=name)
        assert len(pictures(result)) == 1
        told = text(result)
        assert "Image 0 of cell 1:" in told
        again = re.search(r"3 images, 2 not shown; read_output\(execution=\"(\w+)\"\) with image=(\d)", told)
        assert again is not None
        assert pictures(await agent.call("read_output", execution=again[1], image=int(again[2])))
        result = await agent.call("run_cells", notebook=name, images="all")
        assert "Image 1 of cell 3:" in text(result)
        assert len(pictures(result)) == 3


async def test_a_traceback_is_told_without_the_frames_of_libraries_and_kept_whole(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "import json\ndef load(text):\n    return json.loads(text)\nload('{')")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert "----> 4 load('{')" in told and "in load(text)" in told
        assert "JSONDecodeError: Expecting" in told
        assert "raw_decode" not in told
        assert told.count("frames in json; read_output(") == 1
        execution, offset = re.findall(r'read_output\(execution="(\w+)", offset=(\d+)\) shows them', told)[0]
        rest = await agent.ok("read_output", execution=execution, offset=int(offset))
        assert rest.startswith("File ") and "raw_decode" in rest
        told = await agent.ok("read_cell", notebook=name, cell=0)
        assert "raw_decode" not in told
        offset = re.findall(r"offset=(\d+)\) shows them", told)[0]
        rest = await agent.ok("read_output", notebook=name, cell=0, offset=int(offset))
        assert rest.startswith("File ") and "raw_decode" in rest
        assert "raw_decode" not in await agent.ok("run_cells", notebook=name)

    def stored() -> str:
        return str(server.read_notebook(name)["cells"][0]["outputs"])

    await until(lambda: "raw_decode" in stored())


async def test_what_a_chart_is_drawn_from_can_be_read(server: JupyterProcess, name: str) -> None:
    figure = {"data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}], "layout": {"title": {"text": "Sales"}}}
    media = "application/vnd.plotly.v1+json"
    bundle = {media: figure, "application/pdf": "JVBERi0="}
    server.write_notebook(name, f"from IPython.display import display\ndisplay({bundle!r}, raw=True)")
    async with connect(server) as agent:
        told = await agent.ok("execute_cell", notebook=name, cell=0)
        assert '[plotly chart "Sales"; bar 2 points]' in told
        assert f"read_output with media={media!r}" in told
        assert '"x": ["a", "b"]' in await agent.ok("read_output", notebook=name, cell=0, media=media)
        assert media in await agent.fails("read_output", notebook=name, cell=0, media="text/html")
        assert "the resource of the output" in await agent.fails(
            "read_output", notebook=name, cell=0, media="application/pdf"
        )
        read = await agent.client.read_resource(Target(name, "0", 0).uri)
        assert isinstance(read.contents[0], BlobResourceContents)
        assert base64.b64decode(read.contents[0].blob) == b"%PDF-"
