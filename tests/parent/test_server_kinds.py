"""The same package on each kind of Jupyter server: every one of them runs code through the endpoint."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from harness import JupyterProcess, StartJupyter, connect
from harness.tls import self_signed, trusting
from jupyter_server.auth import passwd

pytestmark = pytest.mark.anyio


async def runs_code(server: JupyterProcess, **how: object) -> None:
    async with connect(server, **how) as agent:  # type: ignore[arg-type]
        await agent.ok("use_notebook", notebook="a.ipynb", create=True)
        told = await agent.ok("insert_execute_code_cell", notebook="a.ipynb", source="6 * 7")
        assert told.endswith("\n42")


@pytest.mark.parametrize("rtc", [True, False])
async def test_below_a_base_url(start_jupyter: StartJupyter, rtc: bool) -> None:
    server = start_jupyter(rtc=rtc, base_url="/a/b%40c/")
    await runs_code(server)
    assert f"{server.url}mcp-proxy/mcp".encode() in server.get("mcp-proxy/")[1]


@pytest.mark.parametrize("rtc", [True, False])
async def test_over_https_with_a_certificate_of_its_own(start_jupyter: StartJupyter, rtc: bool, tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path)
    context = trusting(certificate)
    server = start_jupyter(
        rtc=rtc,
        scheme="https",
        context=context,
        arguments=(f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"),
    )
    await runs_code(server, verify=context)


async def test_with_a_password_and_no_token(start_jupyter: StartJupyter) -> None:
    """A person logs in with the password; the sidecar has a credential of its own, which no page shows."""
    server = start_jupyter(
        rtc=True, token="", wait=False, arguments=(f"--PasswordIdentityProvider.hashed_password={passwd('open')}",)
    )
    with_cookies = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
    status = 0
    while status != 200:
        assert server.process.poll() is None, server.log
        try:
            status = with_cookies.open(f"{server.url}login", timeout=5).status
        except OSError:
            continue
    xsrf = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
    form = urllib.parse.urlencode({"password": "open", "_xsrf": xsrf}).encode()
    with_cookies.open(f"{server.url}login", form, timeout=10).close()
    with with_cookies.open(f"{server.url}mcp-proxy/healthz", timeout=60) as answer:
        assert json.load(answer)["rtc"] is True, "the sidecar reaches its server"
    running = [json.loads(path.read_text()) for path in server.runtime.glob("jpserver-*.json")]
    assert len(running) == 1
    token = running[0]["token"]
    assert len(token) >= 32
    assert server.get("mcp-proxy/healthz", token="wrong")[0] == 403
    with with_cookies.open(f"{server.url}mcp-proxy/", timeout=10) as page:
        assert token not in page.read().decode()
    await runs_code(server, token=token)
    assert token not in server.log


async def test_bound_to_one_address_only(start_jupyter: StartJupyter) -> None:
    """The sidecar calls the address that the server listens on, not one that means the same on most days."""
    server = start_jupyter(rtc=True, host="127.0.0.2", arguments=("--ServerApp.ip=127.0.0.2",))
    await runs_code(server)


async def test_without_authentication(start_jupyter: StartJupyter) -> None:
    """Some containers switch it off: no token is needed, but another site's page still gets nowhere."""
    server = start_jupyter(
        rtc=False,
        token="",
        arguments=("--IdentityProvider.token=", "--PasswordIdentityProvider.hashed_password="),
    )
    await runs_code(server)
    assert json.loads(server.get("mcp-proxy/healthz")[1])["authentication"] is False
    assert b"authentication switched off" in server.get("mcp-proxy/")[1]
    for headers, status in (
        ({"Origin": "https://evil.example", "Content-Type": "application/json"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ):
        request = urllib.request.Request(server.endpoint, b"{}", headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value as answer:
            assert answer.code == status
            assert json.load(answer)["jsonrpc"] == "2.0"
