"""What our own notebooks, one for each kind of output, hold after `run_cells`: what others give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import JupyterProcess, connect

from corpus.differences import Difference, Notebook, Sides, compare
from corpus.known import reason
from corpus.own import EXPECTED, KINDS, notebook
from corpus.running import QUICK_SAVE, by_nbconvert, by_run_cells, for_kernel, install_kernel, ran_by_nbconvert

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All kinds as nbconvert runs them: the folder with the notebooks."""
    home = tmp_path_factory.mktemp("nbconvert")
    install_kernel(home / "data")
    (home / "root").mkdir()
    files = [home / "root" / f"{kind}.ipynb" for kind in KINDS]
    for file in files:
        file.write_text(for_kernel(notebook(file.stem)))
    assert by_nbconvert(home / "data", files, home) == {}
    return home / "root"


IN_A_FILE = ("clearing", "display_ids", "errors", "huge", "late_output", "rich", "streams", "widgets")
"""The kinds that a file is tried with, too: what is written differs there, what is heard does not."""
CASES = [*(("live", kind) for kind in KINDS), *(("file", kind) for kind in IN_A_FILE)]


@pytest.fixture(scope="module")
def jupyter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    live = request.param == "live"
    home = tmp_path_factory.mktemp("corpus")
    install_kernel(home / "data")
    server = JupyterProcess(home, rtc=live, arguments=(QUICK_SAVE,) if live else ())
    yield server.wait()
    server.stop()


async def differences(
    jupyter: JupyterProcess, reference: Path, kind: str, matters: Callable[[Difference], bool]
) -> list[Difference]:
    """What is not as it should be in a notebook that `run_cells` has run."""
    path = f"{kind}.ipynb"
    (jupyter.root / path).write_text(for_kernel(notebook(kind)))
    theirs = ran_by_nbconvert(reference / path)
    places = (str(jupyter.root), str(jupyter.home), str(reference), str(reference.parent))

    def wrong(ours: Notebook) -> list[Difference]:
        return [each for each in compare(Sides(ours, theirs, places, EXPECTED.get(kind, {}))) if matters(each)]

    async with connect(jupyter) as agent:
        return wrong(await by_run_cells(jupyter, agent, path, lambda ours: not wrong(ours)))


@pytest.mark.parametrize(("jupyter", "kind"), CASES, indirect=["jupyter"])
async def test_cells_hold_what_others_give_them(jupyter: JupyterProcess, reference: Path, kind: str) -> None:
    found = await differences(
        jupyter, reference, kind, lambda each: each.cell is not None and reason(f"own/{kind}", each) is None
    )
    assert not found, "\n\n".join(map(str, found))


@pytest.mark.parametrize("jupyter", ["live", "file"], indirect=True)
async def test_a_notebook_says_its_language_as_others_let_it(jupyter: JupyterProcess, reference: Path) -> None:
    found = await differences(jupyter, reference, "tags", lambda each: each.what == "language_info")
    assert not found, "\n\n".join(map(str, found))
