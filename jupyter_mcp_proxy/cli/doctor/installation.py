"""What is known of an installation means, and what helps. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...contract import ENABLE, NAME
from ...store.sidecars import INSTALL
from .findings import Finding, failed, note, ok, skipped
from .packages import SERVER_PART, Packages

OURS: Final = "jupyter_mcp_proxy"
STOCK: Final = "jupyter_server_proxy"
SHARED: Final = "jupyter_server_ydoc"
ENTRY_POINT: Final = f"{OURS}.parent.launcher:setup_mcp_proxy"
SQLITE: Final = "SQLiteYStore"
QUIET_STORE: Final = "jupyter_server_ydoc.stores.TempFileYStore"
UPGRADE: Final = "python -m pip install --upgrade jupyter-mcp-proxy"
COLLABORATION: Final = 'python -m pip install "jupyter-collaboration>=5,<6"'
SLOW_WRITE: Final = 0.1
"""Seconds for a small file to reach the disk, above which saving is felt."""
LITTLE: Final = 100_000_000
"""Bytes free below which a notebook with plots may not fit any more."""
NETWORK: Final = frozenset(
    ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs")
)
"""The file systems behind which another machine stands; with those of FUSE, but for what is known as local."""
LOCAL_FUSE: Final = frozenset(("fuse.fuse-overlayfs", "fuse.mergerfs", "fuse.encfs", "fuse.gocryptfs", "fuse.lxcfs"))


@dataclass(frozen=True)
class Extensions:
    """What Jupyter's configuration says about server extensions, and whether ours can be loaded."""

    enabled: Mapping[str, bool]
    said_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The files that turn one of them off."""
    import_error: str = ""
    """The end of what Python says where ours cannot be imported."""

    def on(self, name: str) -> bool:
        """Whether Jupyter loads it."""
        return bool(self.enabled.get(name))

    def where_off(self, name: str) -> str:
        """Which file turns it off, as an addition to a sentence."""
        files = self.said_by.get(name) or ()
        return f" ({', '.join(files)} says so)" if files else ""


@dataclass(frozen=True)
class Started:
    """How a sidecar of the doctor's own has fared."""

    command: str
    """The Python that runs it; empty where there is none for it."""
    seconds: float = 0.0
    answered: bool = False
    proven: bool = False
    code: int | None = None
    """Its exit code, where it has ended by itself."""
    said: str = ""
    """The end of what it has said."""


@dataclass(frozen=True)
class Folder:
    """A folder in which something is written."""

    path: str
    error: str = ""
    """Why nothing can be written there."""
    kind: str = ""
    """The file system's name, where it can be told."""
    seconds: float = 0.0
    """For a small file to be written through to the disk."""
    free: int | None = None
    skew: float = 0.0
    """Seconds by which the file system's clock is ahead of this machine's."""


def packages(here: Packages, there: Packages | str | None, python: str) -> Finding:
    """Whether this Python has what is declared, and the sidecar's, `there`, where that is another."""
    if isinstance(there, str):
        return failed(
            "package",
            f"The sidecar's Python, {python} (MCPProxy.python), has no usable jupyter-mcp-proxy: {there}",
            f"{python} -m pip install jupyter-mcp-proxy=={here.version}\nor take the setting MCPProxy.python out.",
        )
    if here.error:
        return failed(
            "package",
            f"jupyter-mcp-proxy is not properly installed for {python}: {here.error}",
            f"{python} -m pip install jupyter-mcp-proxy",
        )
    if here.twice:
        return failed(
            "package",
            f"jupyter-mcp-proxy and {SERVER_PART} are both installed, and hold the same files: removing or upgrading "
            "one breaks the other.",
            f"python -m pip uninstall --yes jupyter-mcp-proxy {SERVER_PART}\n"
            f"python -m pip install jupyter-mcp-proxy\nor, where that cannot be: python -m pip install {SERVER_PART}",
        )
    for found, program in ((here, "python"), *(((there, python),) if there else ())):
        if found.conflicts:
            parts = [f"{c.name} {c.found or '(missing)'}, where {c.wanted} is needed" for c in found.conflicts]
            wanted = " ".join(f'"{conflict.wanted}"' for conflict in found.conflicts)
            return failed(
                "package",
                f"Versions do not fit: {'; '.join(parts)}.",
                f"{program} -m pip install {wanted}\n"
                f"If another package there pins an older one (jupyter-ai 3.2 pins mcp<2), install {SERVER_PART} in "
                "place of jupyter-mcp-proxy, and run `jupyter mcp-proxy sidecar install`.",
            )
    if there is not None and there.version != here.version:
        return failed(
            "package",
            f"The sidecar's Python, {python}, has jupyter-mcp-proxy {there.version}; this one has {here.version}.",
            f"{python} -m pip install jupyter-mcp-proxy=={here.version}",
        )
    versions = ", ".join(f"{name} {version}" for name, version in here.versions.items())
    return ok("package", f"jupyter-mcp-proxy {here.version} on Python {here.python}; {versions}")


def configuration(error: str, files: Sequence[str]) -> Finding:
    """Whether Jupyter's configuration can be read, and this package's settings in it and in the environment."""
    if error:
        return failed(
            "configuration",
            f"Jupyter's configuration cannot be used: {error}",
            "Correct that file or variable. `jupyter mcp-proxy config` lists the settings and what they take.",
        )
    return ok("configuration", ", ".join(files) if files else "the defaults; no file of yours says anything")


def extension(found: Extensions) -> Finding:
    """Whether Jupyter loads our extension, ahead of jupyter-server-proxy's."""
    if found.import_error:
        return failed(
            "extension",
            f"The server extension cannot be imported: {found.import_error}",
            f"{UPGRADE}\nIn the server's own environment; then restart the server.",
        )
    if not found.on(OURS):
        known = OURS in found.enabled
        return failed(
            "extension",
            f"The server extension is switched off{found.where_off(OURS)}: calls are cut at 300 seconds, and "
            "nothing is streamed." if known else "Jupyter's configuration does not know the server extension.",
            f"{ENABLE}\nThen restart the server.",
        )  # fmt: skip
    # Jupyter (2.21) loads extensions in the order of their names, and tornado takes the first rule that fits.
    order = sorted(name for name, on in found.enabled.items() if on)
    return ok(
        "extension", f"enabled, and loaded {'before' if found.on(STOCK) else 'without'} {STOCK} ({len(order)} in all)"
    )


def entry_point(found: Mapping[str, str], extensions: Extensions) -> Finding:
    """Whether jupyter-server-proxy finds us: for the tile, and where only the plain entry point serves."""
    if found.get(NAME) != ENTRY_POINT:
        there = f"it leads to {found[NAME]}" if NAME in found else "there is none of that name"
        return failed(
            "entry point",
            f"The entry point {NAME} in the group jupyter_serverproxy_servers is not ours: {there}.",
            "python -m pip install --force-reinstall --no-deps jupyter-mcp-proxy",
        )
    if not extensions.on(STOCK):
        return note(
            "entry point",
            f"jupyter-server-proxy's own extension is off{extensions.where_off(STOCK)}: the endpoint works without it, "
            "but where the extension of JupyterLab is not installed, the launcher shows no tile.",
            f"jupyter server extension enable {STOCK}\nThen restart the server.",
        )
    return ok("entry point", f"{NAME} = {ENTRY_POINT}")


def sidecar(started: Started | None, version: str = "") -> Finding:
    """Whether a sidecar starts here."""
    if started is not None and not started.command:
        return failed(
            "sidecar",
            f"The server's part is installed by itself, and there is no sidecar of version {version} for it.",
            f"jupyter mcp-proxy {INSTALL}",
        )
    if started is None:
        return skipped("sidecar", "the package has to be whole first")
    if started.code is not None or not started.answered:
        how = (
            f"ended with code {started.code}"
            if started.code is not None
            else f"is silent after {started.seconds:.0f} s"
        )
        return failed(
            "sidecar",
            f"A sidecar that {started.command} has started {how}. {started.said}".rstrip(),
            f"{started.command} -m pip install --upgrade jupyter-mcp-proxy\n"
            "What it says above names the package or file that is at fault. The setting MCPProxy.python chooses its "
            "Python.",
        )
    return ok("sidecar", f"one of its own answered after {started.seconds:.1f} s, run by {started.command}")


def proof(started: Started | None) -> Finding:
    """Whether the sidecar shows that it is the one that was started."""
    if started is None or not started.answered:
        return skipped("proof", "no sidecar answers")
    if not started.proven:
        return failed(
            "proof",
            "What answers on the sidecar's port is not the sidecar that was started there.",
            "Another program has taken that port. Set MCPProxy.unix_socket = True, then no port is used.",
        )
    return ok("proof", "it has shown that it knows the secret it was started with")


def collaboration(extensions: Extensions, versions: Mapping[str, str], disabled: bool) -> Finding:
    """Whether edits appear live beside people."""
    there = "jupyter-collaboration" in versions
    if there and (disabled or not extensions.on(SHARED)):
        why = "YDocExtension.disable_rtc is set" if disabled else f"{SHARED} is off{extensions.where_off(SHARED)}"
        return failed(
            "collaboration",
            f"jupyter-collaboration is installed, but its server part does not serve ({why}). With its other half in "
            "the browser, notebooks do not open in JupyterLab.",
            f"jupyter server extension enable {SHARED}\n"
            "and no disable_rtc; or, to do without it: python -m pip uninstall jupyter-collaboration",
        )
    if not extensions.on(SHARED):
        return note(
            "collaboration",
            "Notebooks are edited as files: an agent's edits do not appear live in JupyterLab, and somebody who has "
            "the notebook open is asked whether to load them.",
            f"{COLLABORATION}\nThat turns shared editing on for everyone on that server.",
        )
    return ok("collaboration", f"jupyter-collaboration {versions.get('jupyter-collaboration', '')}: edits appear live")


def collaboration_store(store: str, shared: bool) -> Finding:
    """Whether the store of shared edits can make all of Jupyter wait for its lock."""
    if not shared:
        return skipped("collaboration store", "there is no shared editing here")
    if store.rpartition(".")[2] != SQLITE:
        return ok("collaboration store", store)
    return note(
        "collaboration store",
        f"{SQLITE}, the default, keeps all rooms in one database and waits for its lock in Jupyter's own loop: with "
        "many live notebooks the whole server can stand still for 5 s.",
        f'c.YDocExtension.ystore_class = "{QUIET_STORE}"\n'
        "in jupyter_server_config.py has no such lock; it writes a whole file after each change, so with notebooks of "
        "tens of MB the default is better.",
    )


def kernelspecs(found: Mapping[str, str]) -> Finding:
    """Whether there is a kernel to run code in. `found` has each one's name and the program that is missing, if any."""
    usable = sorted(name for name, missing in found.items() if not missing)
    broken = [f"{name} ({missing} is not there)" for name, missing in sorted(found.items()) if missing]
    if not usable:
        what = f"None of the kernels can start: {', '.join(broken)}." if broken else "No kernel is installed."
        return failed("kernelspecs", what, "python -m pip install ipykernel\nin the server's environment.")
    if broken:
        return note(
            "kernelspecs",
            f"{', '.join(usable)}; not usable: {', '.join(broken)}",
            "`jupyter kernelspec remove <name>` takes one away whose program is gone.",
        )
    return ok("kernelspecs", ", ".join(usable))


def store(folder: Folder, tokens: str) -> Finding:
    """Whether our own files can be written: tokens, the audit, snapshots."""
    if folder.error:
        return failed(
            "store",
            f"Nothing can be written in {folder.path}: {folder.error}. Tokens, the audit and snapshots are kept there.",
            "Make room on that disk, or make the folder yours (`chown`), or set JUPYTER_DATA_DIR to a folder that you "
            "may write, for the server too.",
        )
    if tokens:
        return failed(
            "store", tokens, "Repair the file, or move it away and make new tokens (`jupyter mcp-proxy token new`)."
        )
    return _speed("store", folder, "JUPYTER_DATA_DIR on a local disk makes it quick.")


def files(folder: Folder) -> Finding:
    """Whether notebooks can be saved in the server's root."""
    if folder.error:
        return failed(
            "files",
            f"Nothing can be written in {folder.path}, the server's root: {folder.error}. Agents can look and run "
            "there, but no notebook can be saved.",
            "Make room on that disk, or give the server's user the right to write there, or start Jupyter in another "
            "folder (`jupyter lab <folder>`).",
        )
    if abs(folder.skew) > 2:
        return note(
            "files",
            f"The clock of the file system at {folder.path} is {abs(folder.skew):.0f} s "
            f"{'ahead of' if folder.skew > 0 else 'behind'} this machine's: JupyterLab may say that a notebook has "
            "changed on disk when it has not.",
            "Have both machines keep time with NTP (`timedatectl set-ntp true`).",
        )
    return _speed("files", folder, "A local folder makes saving quick, and tells at once of changes made elsewhere.")


def _speed(step: str, folder: Folder, cure: str) -> Finding:
    said = (
        f"{folder.path}, {folder.kind or 'a file system'}: a small file is on disk after {folder.seconds * 1000:.0f} ms"
    )
    if folder.free is not None and folder.free < LITTLE:
        return note(
            step, f"{folder.path} has {folder.free / 1e6:.0f} MB left.", "Make room there: then nothing can be saved."
        )
    if folder.kind in NETWORK or (folder.kind.startswith("fuse.") and folder.kind not in LOCAL_FUSE):
        return note(step, f"{said}. That is a network file system: what others change there is seen late.", cure)
    if folder.seconds > SLOW_WRITE:
        return note(step, f"{said}. That is slow: each save waits for it.", cure)
    return ok(step, said)
