"""Resources and subscriptions on real servers, in both eras."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import httpx2
import nbformat.v4
import pytest
from harness import ERAS, JupyterProcess, connect, until
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.shared.subscriptions import ResourceUpdated
from mcp_types import (
    BlobResourceContents,
    Implementation,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    TextResourceContents,
)

from jupyter_mcp_proxy.documents.watching import Watching
from jupyter_mcp_proxy.errors import BadValue, OutsideRoot, Unknown
from jupyter_mcp_proxy.tools.targets import Target, fenced

pytestmark = pytest.mark.anyio

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def write(server: JupyterProcess, name: str) -> None:
    """A notebook with text, an image and an error among its outputs."""
    shown = nbformat.v4.new_code_cell("show()", id="shown", execution_count=3)
    shown.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="first line\n"),
        nbformat.v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure>"}),
        nbformat.v4.new_output("display_data", data={"image/svg+xml": "<svg/>"}),
    ]
    failed = nbformat.v4.new_code_cell("1 / 0", id="failed", execution_count=4)
    failed.outputs = [
        nbformat.v4.new_output(
            "error",
            ename="ZeroDivisionError",
            evalue="division by zero",
            traceback=["\x1b[31mZeroDivisionError\x1b[0m"],
        )
    ]
    text = nbformat.v4.new_markdown_cell("Some *words*.\n```python\nx\n```", id="words")
    notebook = nbformat.v4.new_notebook(cells=[text, shown, failed])
    notebook.metadata["language_info"] = {"name": "python"}
    path = server.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook))


async def read_text(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.uri == uri
    return content.text


async def refused(client: Client, uri: str) -> str:
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)
    return caught.value.message


# -- reading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
async def test_a_notebook_a_cell_and_an_output_are_read(server: JupyterProcess, name: str, era: str) -> None:
    folder = name.removesuffix(".ipynb")
    write(server, f"{folder}/deep/{name}")
    uri = f"notebook://{folder}/deep/{name}"
    async with connect(server, era) as agent:
        client = agent.client
        templates = (await client.list_resource_templates()).resource_templates
        assert [template.uri_template for template in templates] == [
            "notebook://{path}",
            "notebook://{path}/cells/{id}",
            "notebook://{path}/cells/{id}/outputs/{i}",
        ]
        (content,) = (await client.read_resource(uri)).contents
        assert isinstance(content, TextResourceContents)
        assert content.mime_type == "text/markdown"
        assert content.text.startswith(f"# {folder}/deep/{name}\n\n3 cells, {server.guarantee}\n")
        assert "## Cell 0 · markdown · words\n\n````markdown\nSome *words*." in content.text
        assert "## Cell 1 · code · shown · [3]\n\n```python\nshow()\n```" in content.text
        assert "first line" in content.text
        assert f"Output 1, image/png: {uri}/cells/shown/outputs/1" in content.text
        assert PIXEL not in content.text

        cell = await read_text(client, f"{uri}/cells/shown")
        assert "show()" in cell
        assert "first line" in cell
        assert "words" not in cell
        assert await read_text(client, f"{uri}/cells/sho") == cell
        assert await read_text(client, f"{uri}/cells/1") == cell
        assert "\x1b" not in await read_text(client, f"{uri}/cells/failed")

        assert await read_text(client, f"{uri}/cells/shown/outputs/0") == "first line\n"
        for number, media, data in ((1, "image/png", base64.b64decode(PIXEL)), (2, "image/svg+xml", b"<svg/>")):
            (image,) = (await client.read_resource(f"{uri}/cells/shown/outputs/{number}")).contents
            assert isinstance(image, BlobResourceContents)
            assert image.mime_type == media
            assert base64.b64decode(image.blob) == data
        # As a client writes it that encodes whatever stands for {path}.
        assert await read_text(client, f"notebook://{quote(f'{folder}/deep/{name}', safe='')}/cells/shown") == cell


async def test_a_path_with_what_a_uri_reserves(server: JupyterProcess, name: str) -> None:
    path = f"a folder/50% of #1? {name}"
    write(server, path)
    async with connect(server) as agent:
        await agent.ok("use_notebook", notebook=path)
        (resource,) = [r for r in (await agent.client.list_resources()).resources if r.name == path]
        assert resource.uri == f"notebook://a%20folder/50%25%20of%20%231%3F%20{name}"
        assert "3 cells" in await read_text(agent.client, resource.uri)
        assert "show()" in await read_text(agent.client, f"{resource.uri}/cells/shown")
        assert "3 cells" in await read_text(agent.client, f"notebook://{quote(path, safe='')}")
    write(server, f"plain space #2 {name}")
    async with connect(server) as agent:  # as a client writes it that encodes nothing
        assert "3 cells" in await read_text(agent.client, f"notebook://plain space #2 {name}")


@pytest.mark.parametrize("era", ERAS)
async def test_open_notebooks_and_those_with_a_kernel_are_listed(server: JupyterProcess, name: str, era: str) -> None:
    write(server, name)
    write(server, f"with-kernel-{name}")
    async with connect(server, era, name=f"one {era} {name}") as one, connect(server, era, name=f"two {name}") as two:
        await one.ok("use_notebook", notebook=name)
        await two.ok("execute_ipython", notebook=f"with-kernel-{name}", code="1")
        listed = {r.name: r for r in (await one.client.list_resources()).resources}
        assert listed[name].description == "Open, no kernel"
        assert listed[name].mime_type == "text/markdown"
        assert (listed[f"with-kernel-{name}"].description or "").startswith("Not open, kernel python3")
        assert name not in {r.name for r in (await two.client.list_resources()).resources}


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_not_there_is_named_with_near_matches(server: JupyterProcess, name: str, era: str) -> None:
    write(server, name)
    wrong = name.replace(".ipynb", "x.ipynb")
    async with connect(server, era) as agent:
        told = await refused(agent.client, f"notebook://{wrong}")
        assert f"There is no notebook {wrong!r}." in told
        assert name in told
        assert "Near matches: shown" in await refused(agent.client, f"notebook://{name}/cells/shawn")
        assert "Indices are 0 to 2" in await refused(agent.client, f"notebook://{name}/cells/7")
        assert "has outputs 0 to 2" in await refused(agent.client, f"notebook://{name}/cells/shown/outputs/3")
        assert "has no outputs" in await refused(agent.client, f"notebook://{name}/cells/words/outputs/0")
        assert "expected the number" in await refused(agent.client, f"notebook://{name}/cells/shown/outputs/one")
        for other in ("notebook://", "file:///etc/passwd"):
            assert "notebook://{path}/cells/{id}" in await refused(agent.client, other)


async def test_a_path_outside_the_root_is_refused(server: JupyterProcess) -> None:
    async with connect(server) as agent:
        for path in ("../secret.ipynb", "a/%2E%2E/%2e%2e/b.ipynb", "..%5Cx.ipynb", "..%2Fx.ipynb/cells/0"):
            assert "leads out of the server's root" in await refused(agent.client, f"notebook://{path}")


async def test_a_long_notebook_and_a_long_output_are_cut_and_say_how_to_go_on(
    server: JupyterProcess, name: str
) -> None:
    server.write_notebook(name, "print('x' * 200_000)", *["y" * 6000] * 20)
    async with connect(server) as agent:
        await agent.ok("execute_cell", notebook=name, cell=0)
        whole = await read_text(agent.client, f"notebook://{name}")
        assert len(whole) < 90_000
        assert "left out for length: read_cells(" in whole
        output = await read_text(agent.client, f"notebook://{name}/cells/0/outputs/0")
        assert len(output) < 90_000
        assert "characters left out; read_output(" in output


def test_names_are_told_apart() -> None:
    assert Target.of("notebook://a/b.ipynb") == Target("a/b.ipynb")
    assert Target.of("notebook:///a/b.ipynb") == Target("a/b.ipynb")
    assert Target.of("notebook://a/cells/b.ipynb") == Target("a/cells/b.ipynb")
    assert Target.of("notebook://cells/outputs/b.ipynb/cells/c/outputs/12") == Target("cells/outputs/b.ipynb", "c", 12)
    assert Target.of("notebook://a%2Fb.ipynb/cells/c%20d") == Target("a/b.ipynb", "c d")
    for uri in ("notebook://", "notebooks://a", "notebook:a.ipynb"):
        with pytest.raises(Unknown):
            Target.of(uri)
    with pytest.raises(OutsideRoot):
        Target.of("notebook://a/../../b.ipynb/cells/x")
    with pytest.raises(BadValue):
        Target.of("notebook://a.ipynb/cells/x/outputs/-1")
    for target in (Target("ü/#?%.ipynb"), Target("a b.ipynb", "c"), Target("a.ipynb", "c-d_e", 3)):
        assert Target.of(target.uri) == target


def test_a_code_block_holds_any_text() -> None:
    assert fenced("a\n````\nb", "x") == "`````x\na\n````\nb\n`````"
    assert fenced("") == "```\n\n```"


def test_the_modules_import_nothing_heavy() -> None:
    code = (
        "import sys, jupyter_mcp_proxy.tools.resources, jupyter_mcp_proxy.tools.prompts, "
        "jupyter_mcp_proxy.documents.watching\n"
        "print([m for m in ('pycrdt', 'jupyter_ydoc', 'nbformat', 'httpx', 'PIL', 'websockets') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# -- subscriptions -----------------------------------------------------------------------------------


class Notices(list[tuple[float, str]]):
    """The notices that a client got, with their times."""

    client: Client


@asynccontextmanager
async def subscribed(server: JupyterProcess, era: str, *uris: str) -> AsyncIterator[Notices]:
    """A client that subscribes, and the notices that it gets."""
    notices = Notices()

    async def note(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            notices.append((time.monotonic(), str(message.params.uri)))

    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=600, trust_env=False) as http:
        transport = streamable_http_client(server.endpoint, http_client=http)
        info = Implementation(name="subscriber", version="1")
        async with Client(
            transport, mode=era, client_info=info, message_handler=note if era == "legacy" else None
        ) as client:
            notices.client = client
            if era == "legacy":
                with pytest.warns(MCPDeprecationWarning):
                    for uri in uris:
                        await client.subscribe_resource(uri)
                yield notices
                return
            async with client.listen(resource_subscriptions=uris) as stream:
                assert stream.honored.resource_subscriptions == [*uris]

                async def collect() -> None:
                    async for event in stream:
                        assert isinstance(event, ResourceUpdated)
                        notices.append((time.monotonic(), event.uri))

                collecting = asyncio.create_task(collect())
                yield notices
                collecting.cancel()
                await asyncio.gather(collecting, return_exceptions=True)


@pytest.mark.parametrize("era", ERAS)
async def test_a_subscriber_is_told_of_what_another_client_changes(server: JupyterProcess, name: str, era: str) -> None:
    write(server, name)
    notebook, cell, other = f"notebook://{name}", f"notebook://{name}/cells/shown", f"notebook://{name}/cells/failed"
    async with connect(server, name="editor") as editor, subscribed(server, era, notebook, cell, other) as notices:
        await asyncio.sleep(1.5)
        assert notices == []
        await editor.ok("overwrite_cell_source", notebook=name, cell="shown", source="show(2)")
        await until(lambda: {uri for _, uri in notices} == {notebook, cell})
        await asyncio.sleep(1.5)
        assert len(notices) == 2, "one change is one notice for each resource"
        notices.clear()
        await editor.ok("execute_cell", notebook=name, cell="failed")
        await until(lambda: {uri for _, uri in notices} == {notebook, other})
        await editor.ok("delete_cell", notebook=name, cell="shown")
        await until(lambda: cell in {uri for _, uri in notices})


@pytest.mark.parametrize("era", ERAS)
async def test_many_changes_are_at_most_one_notice_a_second(live: JupyterProcess, name: str, era: str) -> None:
    write(live, name)
    async with connect(live, name="editor") as editor, subscribed(live, era, f"notebook://{name}") as notices:
        began = time.monotonic()
        while time.monotonic() < began + 3.5:
            await editor.ok("overwrite_cell_source", notebook=name, cell="words", source=f"{time.monotonic()}")
        await asyncio.sleep(1.5)
        assert 2 <= len(notices) <= 5
        assert all(later - earlier > 0.7 for (earlier, _), (later, _) in pairwise(notices))


async def test_two_streams_on_one_resource_are_each_told_once(server: JupyterProcess, name: str) -> None:
    write(server, name)
    uri = f"notebook://{name}"
    async with connect(server, name="editor") as editor, subscribed(server, ERAS[0], uri) as first:
        async with subscribed(server, ERAS[0], uri) as second:
            await editor.ok("overwrite_cell_source", notebook=name, cell="words", source="1")
            await until(lambda: first and second)
            await asyncio.sleep(1.5)
            assert (len(first), len(second)) == (1, 1)
        await asyncio.sleep(0.5)
        await editor.ok("overwrite_cell_source", notebook=name, cell="words", source="2")
        await until(lambda: len(first) == 2)
        assert len(second) == 1


async def test_unsubscribing_ends_the_notices(server: JupyterProcess, name: str) -> None:
    write(server, name)
    uri = f"notebook://{name}"
    async with connect(server, name="editor") as editor, subscribed(server, "legacy", uri, uri) as notices:
        await editor.ok("overwrite_cell_source", notebook=name, cell="words", source="1")
        await until(lambda: notices)
        with pytest.warns(MCPDeprecationWarning):
            await notices.client.unsubscribe_resource(uri)
            await notices.client.unsubscribe_resource(uri)
        await editor.ok("overwrite_cell_source", notebook=name, cell="words", source="2")
        await asyncio.sleep(1.5)
        assert len(notices) == 1


async def test_looking_is_all_that_it_takes(start_jupyter: Callable[..., JupyterProcess], name: str) -> None:
    server = start_jupyter(arguments=("--MCPProxy.tier=read",))
    write(server, name)
    async with connect(server) as agent:
        assert "needs the permission 'edit'" in await agent.fails("insert_cell", notebook=name, source="x")
        assert "show()" in await read_text(agent.client, f"notebook://{name}")
        assert (await agent.client.list_resources()).resources == []
        completed = await agent.client.complete(
            ResourceTemplateReference(uri="notebook://{path}"), {"name": "path", "value": ""}
        )
        assert completed.completion.values == [name]
        assert (await agent.client.get_prompt("explain_notebook", {"notebook": name})).messages


async def test_what_is_not_there_cannot_be_subscribed_to(live: JupyterProcess, name: str) -> None:
    write(live, name)
    async with connect(live, "legacy") as agent:
        with pytest.warns(MCPDeprecationWarning), pytest.raises(MCPError, match="There is no notebook"):
            await agent.client.subscribe_resource("notebook://no-such.ipynb")
        with pytest.warns(MCPDeprecationWarning), pytest.raises(MCPError, match="leads out"):
            await agent.client.subscribe_resource("notebook://../x.ipynb")
    wanted = ["notebook://no-such.ipynb", f"notebook://{name}", "notebook://../x.ipynb"]
    async with connect(live) as agent, agent.client.listen(resource_subscriptions=wanted) as stream:
        assert stream.honored.resource_subscriptions == [f"notebook://{name}"]


class FakeDocument:
    """A document whose content is a word."""

    def __init__(self) -> None:
        self.word = "a"
        self.reads = 0

    async def read(self, look: Callable[[Any], Any]) -> Any:
        self.reads += 1
        return look(self.word)


async def test_no_task_is_left_when_the_last_subscriber_goes() -> None:
    document = FakeDocument()
    told: list[str] = []

    async def open_document(path: str) -> Any:
        return document

    async def tell() -> None:
        told.append(document.word)

    async def broken() -> None:
        raise OSError("gone")

    def tasks() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("watching")}

    watching = Watching(open_document)
    stop_broken = await watching.watch("n", lambda word: str(word), broken)
    stop = await watching.watch("n", lambda word: str(word), tell)
    assert tasks() == {"watching n"}
    document.word = "b"
    await until(lambda: told == ["b"])
    stop_broken()
    stop_broken()
    assert tasks() == {"watching n"}
    document.word = "c"
    await until(lambda: told == ["b", "c"])
    stop()
    await asyncio.sleep(0)
    await until(lambda: not tasks(), 1)
    reads = document.reads
    await asyncio.sleep(1.2)
    assert document.reads == reads


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_goes_is_not_watched_for_any_more(
    start_jupyter: Callable[..., JupyterProcess], name: str, era: str
) -> None:
    """Seen from outside: the server's log of requests falls silent."""
    server = start_jupyter(rtc=False, arguments=("--debug",))
    write(server, name)

    def looks() -> int:
        return server.log.count(f"/api/contents/{name}")

    async with subscribed(server, era, f"notebook://{name}"):
        before = looks()
        await asyncio.sleep(2.5)
        assert looks() > before
    await asyncio.sleep(1.5)
    after = looks()
    await asyncio.sleep(2.5)
    assert looks() == after
