"""Where clients look, and what they find there."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from harness import INITIALIZE, JupyterProcess, StartJupyter, as_client, post
from harness.signing_in import Browser, authorize_url, client_id, exchange, sign_in, went_to

RESOURCE = (
    "mcp-proxy/.well-known/oauth-protected-resource", "mcp-proxy/.well-known/oauth-protected-resource/mcp",
    "mcp-proxy/mcp/.well-known/oauth-protected-resource",
)  # fmt: skip
SERVER = tuple(
    f"mcp-proxy/{folder}.well-known/{name}"
    for folder in ("oauth/", "mcp/", "")
    for name in ("openid-configuration", "oauth-authorization-server")
)
ROOT_RESOURCE = (".well-known/oauth-protected-resource/mcp-proxy/mcp",)
ROOT_SERVER = (
    ".well-known/oauth-authorization-server",
    *(
        f".well-known/{name}/mcp-proxy/{path}"
        for name in ("openid-configuration", "oauth-authorization-server")
        for path in ("oauth", "mcp")
    ),
)
NOT_OURS = (".well-known/oauth-protected-resource", ".well-known/openid-configuration")
OF_OTHERS = (
    ".well-known/oauth-protected-resource/proxy/3000/mcp", ".well-known/oauth-authorization-server/other",
    ".well-known/openid-configuration/mcp-proxy-2/oauth",
)  # fmt: skip
"""What clients of other endpoints look for: below this very server, but not below our path."""


def found(server: JupyterProcess, path: str, **headers: str) -> Any:
    status, told, body = post(server, None, path, "GET", **headers)
    assert status == 200, (path, body)
    assert told["content-type"] == "application/json"
    assert "set-cookie" not in told
    assert told["vary"].startswith("Host")
    return json.loads(body)


def check(server: JupyterProcess, resource: tuple[str, ...], issuer: tuple[str, ...]) -> None:
    for path in resource:
        told = found(server, path)
        assert told["resource"] == server.endpoint
        assert told["authorization_servers"] == [f"{server.url}mcp-proxy/oauth"]
    for path in issuer:
        told = found(server, path)
        assert told["issuer"] == f"{server.url}mcp-proxy/oauth"
        assert told["code_challenge_methods_supported"] == ["S256"]
        assert told["token_endpoint_auth_methods_supported"] == ["none"]
        assert "refresh_token" in told["grant_types_supported"]
        assert found(server, told["jwks_uri"].removeprefix(server.url)) == {"keys": []}
        for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"):
            assert told[name].startswith(f"{server.url}mcp-proxy/oauth/")


def test_at_the_origins_root_all_places_answer(live: JupyterProcess) -> None:
    check(live, RESOURCE + ROOT_RESOURCE, SERVER + ROOT_SERVER)


def test_the_rest_of_the_origin_is_not_claimed(live: JupyterProcess) -> None:
    """Our endpoint is one resource of it; what clients of another look for is left to Jupyter and its extensions."""
    for path in NOT_OURS:
        status, headers, _ = post(live, None, path, "GET")
        assert (status, headers["content-type"]) == (404, "application/json"), path
    for path in OF_OTHERS:
        status, headers, _ = post(live, None, path, "GET")
        assert status == 404
        assert headers["content-type"].startswith("text/html"), "Jupyter's own answer"


def test_below_a_base_url_it_is_all_below_and_the_root_is_a_clean_404(start_jupyter: StartJupyter) -> None:
    """No login page, which a client takes for an answer."""
    server = start_jupyter(rtc=False, base_url="/user/ann/")
    check(server, RESOURCE, SERVER)
    for path in (*NOT_OURS, NOT_OURS[0] + "/user/ann/mcp-proxy/mcp", ROOT_SERVER[0] + "/user/ann/mcp-proxy/oauth"):
        for base in ("/", "/user/ann/"):
            server.base_url = base
            status, headers, body = post(server, None, path, "GET")
            assert (status, headers["content-type"]) == (404, "application/json"), (base, path)
            assert json.loads(body)["error"] == "not_found"
    server.base_url = "/user/ann/"
    _, tokens = sign_in(server)
    assert post(server, INITIALIZE, **as_client(tokens["access_token"]))[0] == 200


def test_a_server_that_asks_for_a_login_everywhere_answers_clients_without_one(start_jupyter: StartJupyter) -> None:
    server = start_jupyter(rtc=False, arguments=("--ServerApp.allow_unauthenticated_access=False",))
    check(server, RESOURCE, SERVER)
    _, tokens = sign_in(server)
    assert post(server, INITIALIZE, **as_client(tokens["access_token"]))[0] == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_the_resource_is_what_the_client_has_typed(live: JupyterProcess, host: str) -> None:
    told = found(live, RESOURCE[0], Host=f"{host}:{live.port}")
    assert told["resource"] == f"http://{host.lower()}:{live.port}/mcp-proxy/mcp"


def test_behind_a_proxy_that_jupyter_trusts_the_scheme_is_the_proxys(start_jupyter: StartJupyter) -> None:
    arguments = ("--ServerApp.trust_xheaders=True", "--ServerApp.allow_remote_access=True")
    server = start_jupyter(rtc=False, arguments=arguments)
    told = found(server, RESOURCE[0], Host="jupyter.example.org", X_Forwarded_Proto="https")
    assert told["resource"] == "https://jupyter.example.org/mcp-proxy/mcp"
    told = found(server, RESOURCE[0], Host="jupyter.example.org:443", X_Scheme="https")
    assert told["resource"] == "https://jupyter.example.org/mcp-proxy/mcp"


def test_a_public_url_is_the_only_address(start_jupyter: StartJupyter) -> None:
    """Whatever name a proxy passes on: the client has typed that one."""
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.public_url=https://lab.example.org/x",))
    for host in (f"127.0.0.1:{server.port}", "localhost"):
        assert found(server, RESOURCE[0], Host=host)["resource"] == "https://lab.example.org/mcp-proxy/mcp"
    public = "https://lab.example.org/mcp-proxy/mcp"
    told = post(server, INITIALIZE, **as_client(None))[2].decode()
    assert f"Signing in works at {public} (`MCPProxy.public_url`)" in told, "who has typed another address learns why"
    assert public not in post(server, INITIALIZE, Host="lab.example.org", **as_client(None))[2].decode()
    client, browser = client_id(server), Browser(server)
    page = browser.open(authorize_url(server, client, resource=public))[2]
    form = browser.form(page) | {"answer": "allow"}
    assert browser.send(form, Origin="https://evil.example")[0] == 403
    _, _, page = browser.open(authorize_url(server, client))
    assert f"for {public} and nothing else: give the client that URL" in page
    sent = dict(parse_qsl(urlsplit(went_to(browser.send(form, Origin="https://lab.example.org"))).query))
    assert sent["iss"] == "https://lab.example.org/mcp-proxy/oauth"
    assert exchange(server, client, sent["code"], resource=public)[0] == 200


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_answered_without_a_failure(live: JupyterProcess, method: str) -> None:
    for path in (*RESOURCE, *SERVER, "mcp-proxy/oauth/token", "mcp-proxy/oauth/authorize", "mcp-proxy/oauth/register"):
        assert post(live, None, path, method)[0] in (302, 403, 404, 405)
