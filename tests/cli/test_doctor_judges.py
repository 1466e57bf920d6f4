"""What the doctor makes of what it sees: pure, so that also what no test can break is judged."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from jupyter_mcp_proxy.cli.doctor import connection, installation, signing
from jupyter_mcp_proxy.cli.doctor.asking import Answer
from jupyter_mcp_proxy.cli.doctor.findings import CODES, Finding, as_json, cleaned, exit_code, failed, note, ok
from jupyter_mcp_proxy.cli.doctor.installation import Extensions, Folder, Started
from jupyter_mcp_proxy.cli.doctor.packages import Conflict, Packages, conflicts
from jupyter_mcp_proxy.cli.doctor.rounds import CODE, MARK
from jupyter_mcp_proxy.cli.servers import Server
from jupyter_mcp_proxy.errors import NotAllowed

HUB = Server("https://hub.example.org/user/ann/", "hub-token", "")


def said(text: str, *, error: bool = False, events: tuple[float, ...] = ()) -> Answer:
    """A tool's result, with its progress before it."""
    result = {"id": 1, "result": {"content": [{"type": "text", "text": text}], "isError": error}}
    progress = tuple((seconds, {"method": "notifications/progress"}) for seconds in events)
    return Answer(200, {}, b"", (*progress, (9.0, result)), 9.0)


# -- findings -----------------------------------------------------------------------------------------


def test_every_step_has_an_exit_code_of_its_own_that_no_other_command_uses() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert min(CODES.values()) > 2


def test_the_exit_code_is_that_of_the_first_failure_and_a_note_counts_where_that_is_asked() -> None:
    found = [ok("package", ""), note("extension", ""), failed("store", "", "x"), failed("server", "", "x")]
    assert exit_code(found) == CODES["store"]
    assert exit_code(found, strict=True) == CODES["extension"]
    assert exit_code(found[:1]) == 0


def test_no_secret_and_no_escape_of_a_terminal_is_in_what_is_told() -> None:
    finding = failed("server", "it said abcdef\x1b[2J", "curl -H abcdef").without({"abcdef"})
    assert "abcdef" not in finding.lines() + as_json([finding], None, 30)
    assert "\x1b" not in finding.lines()
    assert cleaned("one\ntwo", ()) == "one\ntwo"


def test_a_command_in_a_cure_stands_on_a_line_that_can_be_copied() -> None:
    command = "python -m pip install --upgrade " + "a-long-name-of-a-package"
    lines = Finding("package", "failed", "why", f"{command}\nThen restart.").lines().splitlines()
    assert lines[1].strip() == f"> {command}"


# -- the installation ----------------------------------------------------------------------------------


def test_what_is_declared_is_compared_with_what_is_there() -> None:
    assert conflicts(["pytest>=1", 'nothing-of-that-name>=1; extra == "lab"']) == []
    assert conflicts(["pytest<1", "nothing-of-that-name>=2"]) == [
        Conflict("pytest", "pytest<1", pytest.__version__),
        Conflict("nothing-of-that-name", "nothing-of-that-name>=2", None),
    ]


def test_a_sidecar_of_another_version_is_not_taken_for_ours() -> None:
    here, there = Packages("1.0", "3.13", {}, ()), Packages("0.9", "3.12", {}, ())
    finding = installation.packages(here, there, "/opt/side/python")
    assert finding.state == "failed"
    assert "/opt/side/python -m pip install jupyter-mcp-proxy==1.0" in finding.cure


def test_who_answers_without_the_secret_is_not_our_sidecar() -> None:
    finding = installation.proof(Started("python", 1.0, answered=True, proven=False))
    assert finding.state == "failed"
    assert "unix_socket" in finding.cure


@pytest.mark.parametrize(
    ("folder", "word"),
    [
        (Folder("/home/ann", kind="nfs4", seconds=0.01), "network file system"),
        (Folder("/home/ann", kind="fuse.sshfs", seconds=0.01), "network file system"),
        (Folder("/home/ann", kind="ext4", seconds=0.8), "slow"),
        (Folder("/home/ann", kind="ext4", seconds=0.01, free=1_000_000), "1 MB left"),
        (Folder("/home/ann", kind="nfs4", seconds=0.01, skew=-40.0), "40 s behind"),
    ],
)
def test_a_folder_that_works_with_something_to_know_says_what(folder: Folder, word: str) -> None:
    finding = installation.files(folder)
    assert finding.state == "note"
    assert word in finding.said
    assert finding.cure


def test_a_local_disk_is_good_and_one_that_takes_nothing_is_not() -> None:
    assert installation.files(Folder("/home/ann", kind="ext4", seconds=0.01, free=10**9)).state == "ok"
    assert installation.files(Folder("/home/ann", error="No space left on device")).state == "failed"


def test_without_collaboration_there_is_a_note_and_no_word_about_its_store() -> None:
    finding = installation.collaboration(Extensions({}), {}, False)
    assert finding.state == "note"
    assert "jupyter-collaboration" in finding.cure
    assert installation.collaboration_store("SQLiteYStore", False).state == "skipped"
    assert installation.collaboration_store("jupyter_server_ydoc.stores.TempFileYStore", True).state == "ok"


# -- a server -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "state"), [(0, "ok"), (1, "failed"), (-1, "failed"), (0.01, "note")])
def test_clocks_that_differ_are_found(hours: float, state: str) -> None:
    now = datetime.now(timezone.utc)
    date = format_datetime(now + timedelta(hours=hours), usegmt=True)
    finding = connection.clocks(connection.Moments(date, now, now))
    assert finding.state == state
    assert bool(finding.cure) == (state != "ok")


def test_the_tier_is_told_from_our_own_words_for_a_refusal() -> None:
    def refused(tool: str, needed: str, tier: str) -> Answer:
        return said(str(NotAllowed(tool, needed, tier)), error=True)

    unknown = said("There is no such notebook.", error=True)
    reading = refused("clear_outputs", "edit", "read"), refused("interrupt_kernel", "run", "read")
    assert connection.tier_of(*reading) == "read"
    assert connection.tier_of(unknown, refused("interrupt_kernel", "run", "edit")) == "edit"
    assert connection.tier_of(unknown, unknown) == "run"
    assert connection.tier_of(Answer(), Answer()) == ""


def test_progress_that_comes_all_at_once_has_been_held_back() -> None:
    made, ordinary = said("Created"), [Answer(200, {"via": "1.1 varnish"})]
    late = connection.kernel(made, said(MARK, events=(8.9, 8.95, 9.0)), ordinary, here=False)
    assert late.state == "failed"
    assert "varnish" in late.said
    assert "do_stream" in late.cure
    assert connection.kernel(made, said(MARK, events=(6.0, 7.5, 9.0)), ordinary, here=False).state == "ok"
    assert MARK in CODE


def test_the_transport_is_read_from_the_list_of_kernels() -> None:
    listed = "Running:\n1f  python3  idle  mcp-proxy-doctor-1.ipynb  {}\nKernelspecs:"
    assert connection.transport(said(listed.format("ports")), "mcp-proxy-doctor-1.ipynb").state == "ok"
    websocket = connection.transport(said(listed.format("websocket")), "mcp-proxy-doctor-1.ipynb")
    assert websocket.state == "note"
    assert "iopub_data_rate_limit" in websocket.cure
    assert connection.transport(said("No kernel runs."), "mcp-proxy-doctor-1.ipynb").state == "skipped"


def test_a_certificate_that_is_not_trusted_is_told_from_a_server_that_is_not_there() -> None:
    finding = connection.server(HUB, Answer(error="[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    assert "SSL_CERT_FILE" in finding.cure


def test_a_redirect_to_a_login_is_a_server_that_does_not_run() -> None:
    finding = connection.server(HUB, Answer(302, {"location": "/hub/login"}))
    assert finding.state == "failed"
    assert "/hub/login" in finding.said


# -- sign-in and hub --------------------------------------------------------------------------------------


def test_clients_look_for_metadata_where_the_standards_say() -> None:
    assert signing.places("https://h/user/ann/mcp-proxy/oauth") == [
        "https://h/.well-known/oauth-authorization-server/user/ann/mcp-proxy/oauth",
        "https://h/.well-known/openid-configuration/user/ann/mcp-proxy/oauth",
        "https://h/user/ann/mcp-proxy/oauth/.well-known/openid-configuration",
    ]


@pytest.mark.parametrize(
    ("scopes", "who", "reaches"),
    [
        (["access:servers!server=ann/"], "ann", True),
        (["access:servers!user=ann"], "bob", True),
        (["access:servers!user"], "ann", True),
        (["access:servers!user"], "bob", False),
        (["access:servers!user=bob", "read:users"], "bob", False),
        ([], "ann", False),
    ],
)
def test_scopes_of_a_hub_reach_a_server_or_not(scopes: list[str], who: str, reaches: bool) -> None:
    assert signing.reaches(scopes, who, "ann", "") is reaches


def test_a_token_of_somebody_else_names_the_scope_that_it_lacks() -> None:
    assert signing.hub_api(HUB) == "https://hub.example.org/hub/api/user"
    assert signing.hub_api(Server("http://127.0.0.1:8888/", "", "")) == ""
    finding = signing.hub(HUB, Answer(200, {}, b'{"name": "bob", "scopes": ["access:servers!user=bob"]}'))
    assert finding.state == "failed"
    assert "access:servers!server=ann/" in finding.cure


def test_a_hub_that_leads_below_its_own_pages_stands_in_for_a_server_that_does_not_run() -> None:
    led = Answer(302, {"location": "/hub/user/ann/mcp-proxy/healthz"})
    finding = signing.stopped(HUB, led)
    assert finding is not None
    assert "https://hub.example.org/hub/spawn/ann" in finding.cure
    assert signing.stopped(HUB, Answer(302, {"location": "/hub/api/oauth2/authorize?client_id=x"})) is None
    assert signing.stopped(HUB, Answer()) is None
    assert signing.stopped(Server("http://127.0.0.1:8888/", "", ""), led) is None
