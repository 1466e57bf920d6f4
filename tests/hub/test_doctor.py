"""The doctor on a JupyterHub: in a user's own server, and at one that does not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.hub import Hub
from harness.machine import own_world
from harness.piped import Piped

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.cli.doctor.findings import Finding
from jupyter_mcp_proxy.cli.doctor.serving import Serving
from jupyter_mcp_proxy.cli.servers import Server

pytestmark = pytest.mark.timeout(180)  # starting the hub falls into whichever test comes first


def told_in_its_server(hub: Hub, monkeypatch: pytest.MonkeyPatch, **others: str) -> Finding:
    """What the doctor says of the Hub in a terminal of alice's server."""
    pid = hub.api("GET", "/users/alice")["servers"][""]["state"]["pid"]
    given = dict(one.split("=", 1) for one in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in one)
    for name, value in (given | others).items():
        if name.startswith("JUPYTERHUB_"):
            monkeypatch.setenv(name, value)
    told: list[Finding] = []

    def tell(finding: Finding) -> Finding:
        told.append(finding)
        return finding

    server = Server(given["JUPYTERHUB_SERVICE_URL"], "its-own", "")
    Serving(server, tell, needs="run", here=True, mine=None, kernel=False).hub()
    (finding,) = told
    return finding


def test_in_a_users_server_the_doctor_asks_the_hub_as_that_server_does(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = told_in_its_server(hub, monkeypatch)
    assert (finding.step, finding.state) == ("hub", "ok")
    assert "as alice's; agents elsewhere connect with the URL on the page" in finding.said
    public = told_in_its_server(hub, monkeypatch, JUPYTERHUB_PUBLIC_URL="https://hub.example.org/user/alice/")
    assert "at https://hub.example.org/user/alice/mcp-proxy/mcp" in public.said


def test_a_hub_that_its_servers_do_not_reach_is_named_by_its_address(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "http://127.0.0.1:9/hub/api"
    finding = told_in_its_server(hub, monkeypatch, JUPYTERHUB_API_URL=nobody)
    assert finding.state == "note"
    assert nobody in finding.said
    assert "hub_connect_ip" in finding.cure


def test_a_server_that_the_hub_has_stopped_is_told_from_a_wrong_token(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_MCP_PROXY_TOKEN", hub.token("alice", "access:servers!user=alice"))
    assert main(["doctor", "--json", "--url", hub.url("carol") + "mcp"]) == 30
    said = json.loads(capsys.readouterr().out)["findings"]
    assert "does not run" in said[0]["said"]
    assert f"{hub.origin}/hub/spawn/carol" in said[0]["cure"]
    assert {each["state"] for each in said[1:]} == {"skipped"}


def test_a_server_with_a_name_that_does_not_run_is_told_so_by_the_doctor_and_by_stdio(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    url, page = hub.url("alice", "resting") + "mcp", f"{hub.origin}/hub/spawn/alice/resting"
    token = hub.token("alice", "access:servers!user=alice")
    monkeypatch.setenv("JUPYTER_MCP_PROXY_TOKEN", token)
    assert main(["doctor", "--json", "--url", url]) == 30
    said = json.loads(capsys.readouterr().out)["findings"]
    assert "does not run" in said[0]["said"], said[0]
    assert page in said[0]["cure"]
    for given in (token, ""):
        program = Piped(own_world(tmp_path) | {"JUPYTER_MCP_PROXY_TOKEN": given}, tmp_path, "--url", url)
        try:
            program.say("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}}, id=1)
            assert f"start that server on the Hub's page, {page}," in program.answer(1)["error"]["message"]
        finally:
            program.end()
