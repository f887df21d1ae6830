"""Asking again: which of the archive's failures pass, how often one is tried again, and after which pauses."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
import urllib3
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from jwstsync.core.retry import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenacity import RetryCallState

    from jwstsync.archive.transport import Allowance

MOST_TRIES = 6
FIRST_PAUSE = 1.0  # seconds
LONGEST_PAUSE = 30.0  # seconds
SHARE = 0.75  # of the time that is left, for one try
SHARE_OF_MANY = 0.25  # of one that asks for more at once than it needs to


def tries(allowance: Allowance, *, of_many: bool = False) -> Retrying:
    """What calls a question until it is answered, fails for good, or has been tried often or long enough.

    Args:
        allowance: The time for the question with all its tries and pauses.
        of_many: Whether it could ask for less at once, and is given up for that when there is no answer in time.
    """
    backoff = wait_exponential_jitter(FIRST_PAUSE, LONGEST_PAUSE)

    def pause(state: RetryCallState) -> float:
        return max(backoff(state), _asked_pause(_error_of(state)))

    return Retrying(
        sleep=allowance.sleep,
        stop=_any_of(stop_after_attempt(MOST_TRIES), lambda state: state.upcoming_sleep >= allowance.remaining()),
        wait=pause,
        retry=retry_if_exception(lambda error: may_pass(error) and not (of_many and is_timeout(error))),
        before=lambda _: allowance.begin_try(SHARE_OF_MANY if of_many else SHARE),
        reraise=True,
    )


def _any_of(*stops: Callable[[RetryCallState], bool]) -> Callable[[RetryCallState], bool]:
    return lambda state: any(stop(state) for stop in stops)


def _error_of(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def is_timeout(error: BaseException) -> bool:
    """Whether a question was not answered in time, by what we or the archive's own gateway gave it."""
    if isinstance(error, requests.HTTPError):
        return _status(error) == HTTPStatus.GATEWAY_TIMEOUT
    return isinstance(innermost(error), TimeoutError) and not isinstance(error, requests.ConnectTimeout)


def may_pass(error: BaseException) -> bool:
    """Whether it may help to ask again; a server that can not be reached at all is said at once."""
    from astroquery.exceptions import RemoteServiceError  # noqa: PLC0415 - it was imported to ask

    if isinstance(error, requests.HTTPError):
        return _status(error) >= HTTPStatus.INTERNAL_SERVER_ERROR or _status(error) == HTTPStatus.TOO_MANY_REQUESTS
    broke_off = isinstance(error, requests.ConnectionError) and isinstance(
        error.args[0], urllib3.exceptions.ProtocolError
    )
    return (
        broke_off
        or is_timeout(error)
        or isinstance(error, RemoteServiceError | requests.exceptions.ChunkedEncodingError)
    )


def _asked_pause(error: BaseException | None) -> float:
    """The seconds that the archive asks to wait."""
    if not isinstance(error, requests.HTTPError) or error.response is None:
        return 0.0
    return retry_after(error.response.headers.get("Retry-After"), datetime.now(UTC)) or 0.0


def _status(error: requests.HTTPError) -> int:
    return 0 if error.response is None else error.response.status_code


def innermost(error: BaseException) -> BaseException:
    """The cause of the cause of an error, as far as it goes."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error
