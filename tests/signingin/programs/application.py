"""What an application brings to the Python SDKs' sign-in: a browser, a place to come back to, and a memory."""

import asyncio
import json
import sys
from urllib.parse import parse_qsl, urlsplit


class Application:
    def __init__(self):
        self.tokens = self.client = None
        self.answer = asyncio.get_running_loop().create_future()

    async def listen(self):
        server = await asyncio.start_server(self._arrive, "127.0.0.1", 0)
        self.redirect = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/callback"
        return server

    async def _arrive(self, reader, writer):
        path = (await reader.readline()).split()[1].decode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback")
        await writer.drain()
        writer.close()
        if path.startswith("/callback?") and not self.answer.done():
            self.answer.set_result(dict(parse_qsl(urlsplit(path).query)))

    async def browse(self, url):
        await asyncio.create_subprocess_exec("xdg-open", url)

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


def wanted():
    """The arguments of the call."""
    source = f'import base64, IPython.display as d\nd.display(d.Image(base64.b64decode("{sys.argv[3]}")))'
    return {"notebook": sys.argv[2], "source": source}


def show(content, error):
    print(json.dumps({"content": [block.model_dump(mode="json") for block in content], "isError": bool(error)}))
