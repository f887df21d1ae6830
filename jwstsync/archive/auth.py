"""The user's MAST token: where it is kept, and whether it can be sent.

It goes into a request header and nowhere else; who sends it, and to which host, is the executors' business.
"""

from __future__ import annotations

from jwstsync.errors import TokenError

SERVICE = "astroquery:mast.stsci.edu.token"  # astroquery's own entry, so that both share one token
USER = "masttoken"


def find_token(from_environment: str | None, *, keyring: bool) -> str | None:
    """The token, from the environment or else the keyring entry that astroquery uses; None where there is none.

    Args:
        from_environment: The token that the environment has.
        keyring: Whether to look into the keyring.

    Raises:
        TokenError: It holds characters that no token has. The message does not repeat it.
    """
    token = _from_keyring() if from_environment is None and keyring else from_environment
    if token is None:
        return None
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError("MAST token: expected printable ASCII without blanks and line ends; check MAST_API_TOKEN")
    return token


def _from_keyring() -> str | None:
    import keyring  # noqa: PLC0415 - takes 0.1 s, and most runs need no token
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        return keyring.get_password(SERVICE, USER)
    except KeyringError:  # hosts without a desktop have none
        return None
