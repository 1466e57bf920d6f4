"""What who is refused is told to do: it must still be readable after what clients do to it."""

from __future__ import annotations

import re

import pytest

from jupyter_mcp_proxy.contract import NAME
from jupyter_mcp_proxy.parent import policy
from jupyter_mcp_proxy.store.token_errors import TokenRefused

TOLD = [
    policy.UNAUTHENTICATED, policy.REJECTED, policy.WRONG_NAME, policy.COOKIE_ONLY, policy.SIGN_IN_FIRST,
    policy.SIGN_IN_AGAIN,
    *(str(TokenRefused(reason)) for reason in TokenRefused.SENTENCES),
]  # fmt: skip


@pytest.mark.parametrize("told", TOLD)
def test_no_advice_has_a_word_that_is_a_part_of_the_endpoints_path(told: str) -> None:
    """Claude Code hides those in a server's errors as `[redacted]`, by whole words."""
    assert not re.search(rf"\b{NAME}\b", told)
