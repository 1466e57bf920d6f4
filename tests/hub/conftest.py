"""The JupyterHub that the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.hub import Hub, installed_proxy


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Hub's proxy, which goes with the tests where it is not installed."""
    return installed_proxy(tmp_path_factory.mktemp("proxy"))


@pytest.fixture(scope="session")
def hub(proxy: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), proxy)
    try:
        yield hub.wait()
    finally:
        hub.stop()
