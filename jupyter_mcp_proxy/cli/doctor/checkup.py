"""The steps in their order: look, judge, tell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ...store.sidecars import chosen
from ..output import remark
from ..servers import Server
from . import installation, looking, own_sidecar
from .findings import Finding, as_json, exit_code, failed, summary
from .own_server import NotStarted, own_server
from .packages import Packages, look
from .serving import Serving


class Checkup:
    """One run of the doctor."""

    def __init__(self, options: argparse.Namespace, token: str) -> None:
        self.options = options
        self.findings: list[Finding] = []
        self.token = token
        self.secrets = {token} if token else set()
        """What is never printed."""
        self.server: Server | None = None
        self.mine: str | None = None
        """The installed version, where a server of this environment is looked at."""

    def run(self) -> int:
        """Take every step; the exit code."""
        with ExitStack() as stack:
            if self.options.url is not None:
                self.server = Server(self.options.url, self.token, "")
                self.look_at(self.server, here=False)
            elif not self.look_here_and_at_a_server(stack):
                return 1
        code = exit_code(self.findings, strict=self.options.strict)
        if self.options.json:
            print(as_json(self.findings, self.server.url if self.server else None, code))
        else:
            print("\n" + summary(self.findings, code))
        return code

    def tell(self, finding: Finding) -> Finding:
        """Keep a finding, and show it at once where a person waits."""
        finding = finding.without(self.secrets)
        self.findings.append(finding)
        if not self.options.json:
            print(finding.lines(), flush=True)
        return finding

    # -- the installation -----------------------------------------------------------------------------

    def look_here_and_at_a_server(self, stack: ExitStack) -> bool:
        """The installation, then the server that runs here, or one of the doctor's own; whether it is clear which."""
        try:
            here = look()
        except (ImportError, ValueError) as error:
            here = Packages("?", "?", {}, (), str(error))
        if here.is_short_of_something:  # nothing else can be imported either
            self.tell(installation.packages(here, None, sys.executable))
            return True
        infos = running(self.options.server)
        if len(infos) > 1 or (self.options.server and not infos):
            which = [f"  --server {server.url}  (notebooks in {server.root})" for server, _ in infos]
            many = "Several servers run here; say with --server which is meant:"
            remark("\n".join([many, *which]) if which else f"No running server fits {self.options.server!r}.")
            return False
        server, info = infos[0] if infos else (None, {})
        self.secrets |= {server.token} if server is not None and server.token else set()
        self.look_here(here, server.root if server is not None else str(Path.cwd()), int(info.get("pid") or 0))
        if server is not None:
            self.server = server
        else:
            if not self.options.json:
                print(f"{'':24}No server of yours runs here: one of the doctor's own is started.", flush=True)
            try:
                self.server = server = stack.enter_context(own_server())
            except NotStarted as error:
                cure = "`jupyter lab` shows the same and more; what it says last is the fault."
                self.tell(failed("server", f"A Jupyter server does not start here: {error}", cure))
                return True
            self.secrets.add(server.token)
        self.look_at(server, here=True)
        return True

    def look_here(self, here: Packages, root: str, pid: int) -> None:
        """What is here, whether a server runs or not."""
        found = looking.configured()
        python = (chosen(found.settings.python) if found.settings else None) or sys.executable
        self.mine = here.version
        there = None if looking.same_python(python, sys.executable) else looking.packages_of(python)
        self.tell(installation.packages(here, there, python))
        self.tell(installation.configuration(found.error, found.files))
        if found.settings is not None:
            extensions = looking.extensions(found)
            self.tell(installation.extension(extensions))
            self.tell(installation.entry_point(looking.served(), extensions))
            started = own_sidecar.start(found.settings)
            self.tell(installation.sidecar(started, here.version))
            self.tell(installation.proof(started))
            self.shared_editing(found, extensions, here, pid)
        self.tell(installation.kernelspecs(looking.kernels()))
        self.tell(installation.store(looking.folder(own_folder()), looking.tokens()))
        self.tell(installation.files(looking.folder(Path(root))))

    def shared_editing(
        self, found: looking.Configured, extensions: installation.Extensions, here: Packages, pid: int
    ) -> None:
        """Collaboration and its store."""
        self.tell(installation.collaboration(extensions, here.versions, found.collaboration_off))
        shared = extensions.on(installation.SHARED) and not found.collaboration_off
        store = looking.store_of_process(pid) or found.collaboration_store
        self.tell(installation.collaboration_store(store, shared))

    # -- a server -------------------------------------------------------------------------------------

    def look_at(self, server: Server, *, here: bool) -> None:
        """What a server answers."""
        needs, kernel = self.options.needs, not self.options.no_kernel
        Serving(server, self.tell, needs=needs, here=here, mine=self.mine, kernel=kernel).look()


def running(which: str | None) -> list[tuple[Server, Mapping[str, Any]]]:
    """The servers that run here, or those of them that are meant, each with what its info file says."""
    from ..servers import infos_in, is_meant, runtime_folder

    found = [(Server.of(info), info) for info in infos_in(runtime_folder()) if not info.get("sock")]
    return [pair for pair in found if which is None or is_meant(pair[0], which)]


def own_folder() -> Path:
    """Where files of our own are."""
    from ...store.tokens import store_file

    return store_file().parent
