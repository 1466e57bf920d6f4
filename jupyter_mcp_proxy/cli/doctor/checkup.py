"""The steps in their order: look, judge, tell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import installation, looking, own_sidecar
from .findings import Finding, as_json, exit_code, summary
from .packages import Packages, look


class Checkup:
    """One run of the doctor."""

    def __init__(self, options: argparse.Namespace, token: str) -> None:
        self.options = options
        self.findings: list[Finding] = []
        self.secrets = {token} if token else set()
        """What is never printed."""
        self.server: str | None = None

    def run(self) -> int:
        """Take every step; the exit code."""
        if self.options.url is None:
            self.look_here()
        code = exit_code(self.findings, strict=self.options.strict)
        if self.options.json:
            print(as_json(self.findings, self.server, code))
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

    def look_here(self) -> None:
        """What is here, whether a server runs or not."""
        found = looking.configured()
        python = found.settings.python if found.settings else sys.executable
        here = look()
        there = None if looking.same_python(python, sys.executable) else looking.packages_of(python)
        self.tell(installation.packages(here, there, python))
        self.tell(installation.configuration(found.error, found.files))
        extensions = looking.extensions(found)
        if found.settings is not None:
            self.tell(installation.extension(extensions))
            self.tell(installation.entry_point(looking.served(), extensions))
            started = own_sidecar.start(found.settings)
            self.tell(installation.sidecar(started))
            self.tell(installation.proof(started))
            self.shared_editing(found, extensions, here)
        self.tell(installation.kernelspecs(looking.kernels()))
        self.tell(installation.store(looking.folder(own_folder()), looking.tokens()))

    def shared_editing(self, found: looking.Configured, extensions: installation.Extensions, here: Packages) -> None:
        """Collaboration and its store."""
        self.tell(installation.collaboration(extensions, here.versions, found.collaboration_off))
        shared = extensions.on(installation.SHARED) and not found.collaboration_off
        self.tell(installation.collaboration_store(found.collaboration_store, shared))


def own_folder() -> Path:
    """Where files of our own are."""
    from ...store.tokens import store_file

    return store_file().parent
