"""The user's MAST token: where it is kept, whether it can be sent, and what the archive says of who shows it.

It goes into a request header and into the keyring, and nowhere else; which hosts may see it is `jwstsync.hosts`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from jwstsync.errors import ArchiveError, TokenError
from jwstsync.hosts import may_see_token, origin_of

if TYPE_CHECKING:
    from requests import PreparedRequest, Session

SERVICE = "astroquery:mast.stsci.edu.token"  # astroquery's own entry, so that both share one token
USER = "masttoken"
ENVIRONMENT = "MAST_API_TOKEN"
KEYRING = "keyring"
NEW_TOKENS = "https://auth.mast.stsci.edu/token"  # from astroquery.mast.auth
LONGEST = 4096  # characters; more than any server takes in a header
_LONGEST_NAME = 200
_REDIRECTS = 5
_REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a token.

    Attributes:
        token: The token, if there is one.
        source: Where it was: `ENVIRONMENT` or `KEYRING`; empty without one.
        trouble: Why the keyring could not be looked into, if so.
    """

    token: str | None = field(default=None, repr=False)
    source: str = ""
    trouble: str | None = None


def find_token(from_environment: str | None, *, keyring: bool) -> Found:
    """The token, from the environment or else the keyring entry that astroquery uses.

    Args:
        from_environment: The token that the environment has.
        keyring: Whether to look into the keyring.

    Raises:
        TokenError: It holds characters that no token has. The message does not repeat it.
    """
    if from_environment is not None:
        return Found(plain_token(from_environment, ENVIRONMENT), ENVIRONMENT)
    stored, trouble = _stored_token() if keyring else (None, None)
    return Found(trouble=trouble) if stored is None else Found(plain_token(stored, KEYRING), KEYRING)


def plain_token(text: str, source: str) -> str:
    """A token as it can be sent; blanks and line ends around it are no part of it.

    Raises:
        TokenError: It can be none. The message names its source, and does not repeat it.
    """
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token or len(token) > LONGEST:
        expected = f"at most {LONGEST} printable ASCII characters without blanks and line ends"
        raise TokenError(f"MAST token from {source}: expected {expected}")
    return token


def _stored_token() -> tuple[str | None, str | None]:
    """The keyring's token and, where it could not be looked into, why; hosts without a desktop have none."""
    try:
        import keyring  # noqa: PLC0415 - takes 0.1 s, and most runs need no token

        return keyring.get_password(SERVICE, USER), None
    except Exception as error:  # noqa: BLE001 - backends raise whatever they are made with
        return None, _trouble(error)


def store_token(token: str) -> str | None:
    """Keeps a token in the keyring, for astroquery too; where that can not be, why.

    There are backends that take everything and keep nothing, so it is read again.
    """
    try:
        import keyring  # noqa: PLC0415 - as above

        keyring.set_password(SERVICE, USER, token)
        return None if keyring.get_password(SERVICE, USER) == token else "the keyring does not keep it"
    except Exception as error:  # noqa: BLE001 - as above
        return hidden(_trouble(error), token)


def remove_token() -> tuple[bool, str | None]:
    """Whether a token was taken out of the keyring; where there is no keyring, why.

    Raises:
        TokenError: The keyring can not be opened, and may still hold one.
    """
    try:
        import keyring  # noqa: PLC0415 - as above
        from keyring.errors import NoKeyringError  # noqa: PLC0415 - as above
    except Exception as error:  # noqa: BLE001 - as above
        return False, _trouble(error)
    stored: str | None = None
    try:
        stored = keyring.get_password(SERVICE, USER)
        if stored is not None:
            keyring.delete_password(SERVICE, USER)
    except NoKeyringError as error:
        return False, _trouble(error)
    except Exception as error:  # noqa: BLE001 - as above
        raise TokenError(f"{hidden(_trouble(error), stored)}; it may still hold a token") from None
    return stored is not None, None


def _trouble(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "NoKeyringError":
        return "this host has no keyring"
    words = str(error).partition("\n")[0][:_LONGEST_NAME]
    return f"the keyring can not be used ({kind}{f': {words}' if words else ''})"


def refusal(archive: str, remark: str) -> str:
    """What is said of a token that an archive refuses.

    A token dies after 10 days without use, and 60 days in all, says the archive's documentation.
    """
    return f"{archive} refused the MAST token ({remark}): it has expired, or is none; expected one from {NEW_TOKENS}"


def hidden(text: str, token: str | None) -> str:
    """A text for people, in which the token does not stand even if a server or a keyring has put it there."""
    return text.replace(token, "(token)") if token else text


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the archive takes somebody for.

    Attributes:
        anonymous: Whether it knows them not, because they show no token, or one that is not good any more.
        name: How they are called.
        account: Their account, such as an address.
        scopes: What their token is good for.
    """

    anonymous: bool
    name: str | None = None
    account: str | None = None
    scopes: tuple[str, ...] = ()


def ask_who(session: Session, address: str, token: str) -> Identity:
    """Whom ``/whoami`` takes the owner of a token for; redirects are followed as far as they may see it.

    Raises:
        ArchiveError: What comes is no answer.
        OSError: None comes.
        ValueError: What comes is no JSON.
    """

    def show(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"token {token}"
        return request

    url = address
    for _ in range(_REDIRECTS + 1):
        with session.get(url, auth=show, allow_redirects=False) as response:
            if response.status_code in _REFUSED:
                return Identity(anonymous=True)
            if not response.is_redirect:
                response.raise_for_status()
                return _identity_of(response.json(), token)
            url = urljoin(url, response.headers["Location"])
        if not _may_see_token(url, address):
            raise ArchiveError("redirects to a host that must not see the token")
    raise ArchiveError("redirects too often")


def _may_see_token(url: str, archive: str) -> bool:
    try:
        return may_see_token(origin_of(url), origin_of(archive))
    except ValueError:
        return False


def ask_for_product(session: Session, address: str, token: str, timeout: float) -> str | None:
    """How a product is refused to the owner of a token, such as ``401 Unauthorized``; None where it is not.

    One byte of it is asked for; redirects are followed, without the token where they must not see it.

    Args:
        session: By which it is asked for.
        address: Where the product is.
        token: The token.
        timeout: Seconds for each answer.

    Raises:
        OSError: No answer comes.
        ValueError: What comes is none, such as a redirect to nowhere.
    """

    def show(request: PreparedRequest) -> PreparedRequest:
        if _may_see_token(str(request.url), address):
            request.headers["Authorization"] = f"token {token}"
        return request

    url = address
    one_byte = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
    for _ in range(_REDIRECTS + 1):
        asked = session.get(url, auth=show, headers=one_byte, stream=True, allow_redirects=False, timeout=timeout)
        with asked as response:
            if not response.is_redirect:
                refused = response.status_code in _REFUSED
                return f"{response.status_code} {response.reason}" if refused else None
            url = urljoin(url, response.headers["Location"])
    return None


def _identity_of(answer: object, token: str) -> Identity:
    facts = answer if isinstance(answer, dict) else {}
    if not isinstance(facts.get("anon"), bool):
        raise ArchiveError("expected a JSON object that says whether one is anonymous")
    attributes = facts["attrib"] if isinstance(facts.get("attrib"), dict) else {}
    scopes = facts["scopes"] if isinstance(facts.get("scopes"), list) else []
    return Identity(
        anonymous=facts["anon"],
        name=_text(attributes.get("display_name"), token),
        account=_text(facts.get("eppn"), token),
        scopes=tuple(text for scope in scopes if (text := _text(scope, token))),
    )


def _text(value: object, token: str) -> str | None:
    return hidden(value, token)[:_LONGEST_NAME] or None if isinstance(value, str) else None
