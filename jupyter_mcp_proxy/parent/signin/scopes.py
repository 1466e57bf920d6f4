"""Scopes, as clients ask for them and as tokens have them: the tiers under names that say what they do. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...contract import TIERS

SCOPES = {"look": "read", "edit": "edit", "run": "run"}
"""Each scope with its tier."""
_OF_TIER = {tier: scope for scope, tier in SCOPES.items()}


def scope_of(tiers: Iterable[str]) -> str:
    """The scope parameter that stands for tiers."""
    return " ".join(_OF_TIER[tier] for tier in sorted(set(tiers), key=TIERS.index))


def included(tier: str) -> tuple[str, ...]:
    """A tier with those that it includes."""
    return TIERS[: TIERS.index(tier) + 1]


def highest_asked(scope: str) -> str:
    """The highest tier in a scope parameter; what it does not know is passed over, and nothing known is everything."""
    asked = [SCOPES[name] for name in scope.split() if name in SCOPES]
    return max(asked, key=TIERS.index) if asked else TIERS[-1]
