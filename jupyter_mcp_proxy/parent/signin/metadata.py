"""What clients read before they ask: RFC 9728 of the endpoint, RFC 8414 of its authorization server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...contract import NAME
from .origin import normal
from .scopes import scope_of


@dataclass(frozen=True)
class Address:
    """Where all of it is, as the one who asks sees it."""

    origin: str
    base_url: str

    def is_of(self, host: str) -> bool:
        """Whether a request's Host is this address's; a proxy that passes on none leaves that open."""
        return self.origin in (normal("http", host), normal("https", host))

    @property
    def root(self) -> str:
        """All of ours is below."""
        return f"{self.origin}{self.base_url}{NAME}"

    @property
    def endpoint(self) -> str:
        """The resource."""
        return f"{self.root}/mcp"

    @property
    def issuer(self) -> str:
        """A path of its own: with the endpoint as issuer, Claude Code (2.1.332) registers at the origin's root."""
        return f"{self.root}/oauth"

    @property
    def resource_metadata(self) -> str:
        """What the challenge points to."""
        return f"{self.root}/.well-known/oauth-protected-resource"


def resource(address: Address, tiers: Sequence[str]) -> dict[str, Any]:
    """The endpoint's metadata."""
    return {
        "resource": address.endpoint,
        "authorization_servers": [address.issuer],
        "scopes_supported": scope_of(tiers).split(),
        "bearer_methods_supported": ["header"],
        "resource_name": "Jupyter",
    }


def server(address: Address, tiers: Sequence[str]) -> dict[str, Any]:
    """The authorization server's metadata."""
    issuer = address.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "revocation_endpoint": f"{issuer}/revoke",
        "scopes_supported": scope_of(tiers).split(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": [address.endpoint],
        # No identity token is given; the TypeScript SDK (1.32) reads the document as OpenID's, which has these.
        "jwks_uri": f"{issuer}/jwks",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def challenge(address: Address, tiers: Sequence[str], error: str = "") -> str:
    """The `WWW-Authenticate` that has a client sign in."""
    parts = [f'resource_metadata="{address.resource_metadata}"', f'scope="{scope_of(tiers)}"']
    if error:
        parts.insert(0, f'error="{error}"')
    return "Bearer " + ", ".join(parts)
