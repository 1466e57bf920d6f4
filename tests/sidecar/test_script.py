"""How the connect page's modules become one script: each once, in order, with names of its own, or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import REPOSITORY
from harness.browser import chromium

from jupyter_mcp_proxy.sidecar.page import SCRIPT
from jupyter_mcp_proxy.sidecar.script import joined


def write(folder: Path, **modules: str) -> Path:
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source)
    return folder / "first.js"


def test_every_module_of_the_folder_is_in_the_script_once() -> None:
    folder = REPOSITORY / "jupyter_mcp_proxy" / "sidecar" / "static"
    scopes = re.findall(r"^const \$(\w+) = \(function \(\) \{$", SCRIPT.content.decode(), re.MULTILINE)
    assert sorted(scopes) == sorted(path.stem for path in folder.glob("*.js"))


@pytest.mark.anyio
async def test_a_module_runs_once_after_those_that_it_imports_and_keeps_its_names_to_itself(tmp_path: Path) -> None:
    first = write(
        tmp_path,
        first="import { add, told } from './left.js';\nimport {\n  right,\n  unlike\n} from './right.js';\n"
        "const own = 'first';\nadd(own, right(), unlike);\nwindow.result = told();\n",
        left="import { log } from './log.js';\nconst own = 'left';\nlog.push(own);\n"
        "export function add(...words) {\n  log.push(...words);\n}\n"
        "export function told() {\n  return log.join(' ');\n}\n",
        right="import { log } from './log.js';\nconst own = 'right';\nlog.push(own);\n"
        "export function right() {\n  return own;\n}\nexport const unlike = typeof this;\n"
        "export async function unused() {}\n",
        log="export const log = ['log'];\n",
    )
    async with chromium() as browser:
        page = await browser.new_page()
        await page.add_script_tag(content=joined(first))
        assert await page.evaluate("result") == "log left right first right undefined"
        assert await page.evaluate("typeof $log + typeof own") == "undefinedundefined"


@pytest.mark.parametrize(
    "line",
    [
        "import other from './other.js';",
        "import * as other from './other.js';",
        "import { one as two } from './other.js';",
        "import './other.js';",
        "import { one } from 'elsewhere';",
        "export default 1;",
        "export let one = 1;",
        "export { one };",
        "export * from './other.js';",
    ],
)
def test_what_would_not_be_joined_as_it_is_meant_is_refused(tmp_path: Path, line: str) -> None:
    first = write(tmp_path, first=f"const one = 1;\n{line}\n", other="export const one = 1;\n")
    with pytest.raises(ValueError, match=re.escape(line)):
        joined(first)


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    first = write(
        tmp_path,
        first="import { a } from './other.js';\n",
        other="import { b } from './first.js';\nexport const a = b;\n",
    )
    with pytest.raises(RecursionError):
        joined(first)
