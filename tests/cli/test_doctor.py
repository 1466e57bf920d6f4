"""`doctor`: set-ups that are really broken, each named with what helps, and one that is not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import REPOSITORY, TOKEN, JupyterProcess, StartJupyter, free_port
from harness.between import Headers, between
from harness.machine import MODULE
from harness.tokens import make

from jupyter_mcp_proxy.cli import main
from jupyter_mcp_proxy.cli.doctor import installation
from jupyter_mcp_proxy.cli.doctor.findings import CODES

pytestmark = pytest.mark.timeout(300)  # a sidecar and a server are started in most of these

Use = Callable[[JupyterProcess], None]


class Report:
    """What the doctor has said."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        self.said = json.loads(text)
        assert self.said["exit_code"] == code
        self.steps = {finding["step"]: finding for finding in self.said["findings"]}

    def fails(self, step: str, *words: str) -> None:
        """The first step that fails is this, and its cure has these words."""
        failing = [name for name, finding in self.steps.items() if finding["state"] == "failed"]
        assert failing[:1] == [step], self.text
        assert self.code == CODES[step] == self.steps[step]["exit_code"]
        assert self.steps[step]["cure"]
        self.tells(step, *words)

    def tells(self, step: str, *words: str, state: str | None = None) -> None:
        """A step has these words, in what was seen or in the cure."""
        finding = self.steps[step]
        assert state in (None, finding["state"]), finding
        for word in words:
            assert word in finding["said"] + finding["cure"], finding


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Callable[..., Report]:
    """Run it in this process."""

    def doctor(*options: str, kernel: bool = False) -> Report:
        code = main(["doctor", "--json", *(() if kernel else ("--no-kernel",)), *options])
        out, err = capsys.readouterr()
        assert err == ""
        assert TOKEN not in out
        return Report(code, out)

    return doctor


def doctor_with(server: JupyterProcess, *paths: Path, **environment: str) -> Report:
    """Run it in a process of its own, which finds other packages first; a server of its environment runs."""
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, [*paths, REPOSITORY])),
        "JUPYTER_RUNTIME_DIR": str(server.runtime),
        "JUPYTER_DATA_DIR": str(server.data),
        **environment,
    }
    done = subprocess.run([*MODULE, "doctor", "--json", "--no-kernel"], env=env, capture_output=True, text=True)
    assert TOKEN not in done.stdout + done.stderr
    return Report(done.returncode, done.stdout)


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> Path:
    """A configuration that counts: in a virtual environment (jupyter_core 5) that of its user comes after its own."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder))
    return file


def switch_off(folder: Path, monkeypatch: pytest.MonkeyPatch, extension: str) -> Path:
    said = {"ServerApp": {"jpserver_extensions": {extension: False}}}
    return configure(folder, monkeypatch, "jupyter_server_config.d/off.json", json.dumps(said))


# -- what is well -------------------------------------------------------------------------------------


def test_a_server_that_is_well_passes_every_step_and_is_left_as_it_was(
    live: JupyterProcess, use: Use, doctor: Callable[..., Report]
) -> None:
    use(live)
    kernels = json.loads(live.get("api/kernels")[1])
    report = doctor(kernel=True)
    assert report.code == 0, report.text
    assert report.said["server"] == live.url
    assert sorted(report.steps) == sorted(CODES)
    assert {step for step, finding in report.steps.items() if finding["state"] == "skipped"} == {"hub"}
    report.tells("collaboration store", "TempFileYStore", state="note")
    report.tells("transport", "ports", state="ok")
    assert list(live.root.glob("mcp-proxy-doctor-*")) == []
    assert json.loads(live.get("api/kernels")[1]) == kernels


def test_without_a_server_one_of_its_own_is_started_and_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0, capsys.readouterr().out
    text = capsys.readouterr().out
    assert "one of the doctor's own is started" in text
    assert "✓ kernel" in text
    assert "Exit code 0." in text
    assert list(tmp_path.glob("mcp-proxy-doctor-*")) == []


# -- what is broken in an installation ------------------------------------------------------------------


def test_an_extension_that_a_file_switches_off_is_found_with_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctor: Callable[..., Report]
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "none"))  # the doctor's own server is as broken
    file = switch_off(tmp_path, monkeypatch, "jupyter_mcp_proxy")
    report = doctor()
    report.fails("extension", str(file), "jupyter server extension enable jupyter_mcp_proxy")
    report.tells("relay", "300 seconds", state="failed")
    report.tells("streaming", "plain entry point", state="failed")


def test_a_jupyter_server_proxy_that_is_not_there_is_named(file: JupyterProcess, tmp_path: Path) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'jupyter_server_proxy'\")\n"
    (tmp_path / "jupyter_server_proxy.py").write_text(missing)
    report = doctor_with(file, tmp_path)
    report.fails("extension", "No module named 'jupyter_server_proxy'", "pip install --upgrade jupyter-mcp-proxy")


def test_a_jupyter_server_proxy_that_is_switched_off_costs_the_tile_only(
    file: JupyterProcess, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctor: Callable[..., Report]
) -> None:
    use(file)
    switch_off(tmp_path, monkeypatch, "jupyter_server_proxy")
    report = doctor("--strict")
    assert report.code == CODES["entry point"]
    report.tells("entry point", "shows no tile", "jupyter server extension enable jupyter_server_proxy", state="note")


def test_collaboration_without_its_server_part_is_a_failure_since_notebooks_do_not_open(
    file: JupyterProcess, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctor: Callable[..., Report]
) -> None:
    use(file)
    where = switch_off(tmp_path, monkeypatch, "jupyter_server_ydoc")
    doctor().fails("collaboration", str(where), "jupyter server extension enable jupyter_server_ydoc")


def test_versions_that_do_not_fit_are_named_with_what_installs_the_right_ones(
    file: JupyterProcess, tmp_path: Path
) -> None:
    metadata = tmp_path / "mcp-1.9.4.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: mcp\nVersion: 1.9.4\n")
    report = doctor_with(file, tmp_path)
    report.fails("package", "mcp 1.9.4", 'pip install "mcp<3,>=2.3"', "jupyter mcp-proxy sidecar install")


def test_a_sidecar_that_cannot_start_is_found_with_its_reason(file: JupyterProcess, tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ImportError('an old mcp of somebody else')\n")
    report = doctor_with(file, tmp_path)
    report.fails("sidecar", "an old mcp of somebody else", "-m pip install --upgrade jupyter-mcp-proxy")
    report.tells("proof", state="skipped")


def test_a_python_for_the_sidecar_that_is_not_there_is_found(
    file: JupyterProcess, use: Use, monkeypatch: pytest.MonkeyPatch, doctor: Callable[..., Report]
) -> None:
    use(file)
    monkeypatch.setenv("JUPYTER_MCP_PROXY_PYTHON", "/nowhere/python")
    doctor().fails("package", "/nowhere/python", "MCPProxy.python")


def test_a_configuration_that_cannot_be_read_is_found_with_its_fault(
    file: JupyterProcess, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctor: Callable[..., Report]
) -> None:
    use(file)
    configure(tmp_path, monkeypatch, "jupyter_server_config.py", "c.MCPProxy.tier = 'everything'\n")
    doctor().fails("configuration", "everything")


def test_a_data_directory_in_which_nothing_can_be_written_is_found(
    file: JupyterProcess, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctor: Callable[..., Report]
) -> None:
    use(file)
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "taken" / "data"))
    doctor().fails("store", str(tmp_path / "taken"), "JUPYTER_DATA_DIR")


# -- what is broken on the way to a server ----------------------------------------------------------------


@pytest.fixture
def at(doctor: Callable[..., Report], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Run it for a server elsewhere."""

    def at(url: str, *options: str, token: str = TOKEN, kernel: bool = False) -> Report:
        monkeypatch.setenv("JUPYTER_MCP_PROXY_TOKEN", token)
        return doctor("--url", url, *options, kernel=kernel)

    return at


def test_a_server_that_does_not_run_is_said_to_and_nothing_else_is_guessed(at: Callable[..., Report]) -> None:
    report = at(f"http://127.0.0.1:{free_port()}/")
    report.fails("server", "jupyter lab")
    assert {finding["state"] for step, finding in report.steps.items() if step != "server"} == {"skipped"}


def test_a_server_without_the_endpoint_is_told_how_it_gets_one(
    start_jupyter: StartJupyter, at: Callable[..., Report]
) -> None:
    off = (
        "--ServerApp.jpserver_extensions=jupyter_mcp_proxy=False",
        "--ServerApp.jpserver_extensions=jupyter_server_proxy=False",
    )
    server = start_jupyter(rtc=False, arguments=off, wait=False).wait(path="api/status")
    at(server.url).fails("server", "pip install jupyter-mcp-proxy")


def test_a_wrong_token_is_refused_with_where_to_get_another(file: JupyterProcess, at: Callable[..., Report]) -> None:
    report = at(file.endpoint, token="wrong-token-9876")
    report.fails("token", "jupyter mcp-proxy token new")
    assert "wrong-token-9876" not in report.text


def test_a_token_that_may_too_little_is_a_failure_unless_that_is_meant(
    file: JupyterProcess, at: Callable[..., Report], label: str
) -> None:
    token = make(file, label, "read")
    at(file.url, token=token).fails("token", "'read'", "token new --name my-agent --tier run")
    report = at(file.url, "--needs", "read", token=token)
    assert report.code == 0, report.text
    at(file.url, "--needs", "edit", token=make(file, f"{label} 2", "edit"), kernel=True).tells("kernel", "'edit' only")


def test_a_token_in_a_file_does_as_well(
    file: JupyterProcess, doctor: Callable[..., Report], label: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(make(file, label) + "\n")
    assert doctor("--url", file.url, "--token-file", str(tmp_path / "token"), kernel=True).code == 0


def test_a_proxy_that_holds_streams_back_is_named(file: JupyterProcess, at: Callable[..., Report]) -> None:
    def nginx(headers: Headers) -> Headers:
        return [*headers, ("Server", "nginx/1.27.0")]

    with between(file, nginx) as url:
        report = at(url)
    report.fails("streaming", "nginx/1.27.0", "proxy_buffering off")
    report.tells("round trip 2025-11-25", state="ok")
    report.tells("round trip 2026-07-28", state="ok")


def test_a_clock_that_is_wrong_is_found(file: JupyterProcess, at: Callable[..., Report]) -> None:
    def an_hour_ago(headers: Headers) -> Headers:
        return [(name, "Sat, 28 Nov 2020 12:00:00 GMT" if name == "Date" else value) for name, value in headers]

    with between(file, an_hour_ago) as url:
        at(url).tells("clocks", "behind", "NTP", state="failed")


def test_a_proxy_that_swallows_the_challenge_is_found(file: JupyterProcess, at: Callable[..., Report]) -> None:
    def silent(headers: Headers) -> Headers:
        return [(name, value) for name, value in headers if name.lower() != "www-authenticate"]

    with between(file, silent) as url:
        at(url).tells("sign-in", "WWW-Authenticate", state="failed")


def test_a_public_url_that_is_not_this_server_is_found_with_the_right_one(
    start_jupyter: StartJupyter, at: Callable[..., Report]
) -> None:
    elsewhere = f"http://127.0.0.1:{free_port()}/"
    server = start_jupyter(rtc=False, arguments=(f"--MCPProxy.public_url={elsewhere}",))
    at(server.url).fails("sign-in", elsewhere, f'c.MCPProxy.public_url = "{server.url}"')


def test_a_server_at_which_nobody_can_sign_in_is_said_to_work_with_a_token(
    start_jupyter: StartJupyter, at: Callable[..., Report]
) -> None:
    server = start_jupyter(rtc=False, arguments=("--MCPProxy.signin=False",))
    report = at(server.url)
    assert report.code == 0
    report.tells("sign-in", "MCPProxy.signin = True", state="note")


def test_kernels_whose_programs_are_gone_are_no_kernels() -> None:
    finding = installation.kernelspecs({"gone": "/nowhere/bin/python"})
    assert finding.state == "failed"
    assert "/nowhere/bin/python" in finding.said
    assert "ipykernel" in finding.cure


# -- usage ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://ann:secret-word@h/", "http://h/?token=secret-word", "ftp://h/", "h", "http://h/#token=secret-word"]
)
def test_a_token_on_the_command_line_is_wrong_usage_and_not_printed(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--url", url])
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert "secret-word" not in out + err


def test_several_servers_are_listed_and_one_is_chosen(
    file: JupyterProcess, live: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for server in (file, live):
        (info,) = server.runtime.glob("jpserver-*.json")
        (tmp_path / info.name).write_text(info.read_text())
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    assert main(["doctor"]) == 1
    err = capsys.readouterr().err
    assert f"--server {file.url}" in err
    assert f"--server {live.url}" in err
    assert main(["doctor", "--server", "1"]) == 1
    assert "fits '1'" in capsys.readouterr().err
