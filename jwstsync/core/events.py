"""What a run says to programs while it goes on: its events, as types, with their schema.

Every key always stands, with null where there is nothing. Later versions of a schema with the same number only add keys
and types of events: programs pass over what they do not know. A text that is too long for a line is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from jwstsync.core.documents import ActionName, Amount, OutcomeName, amount_of, summary_of
from jwstsync.core.lines import line_of
from jwstsync.core.schemas import CLOSED, DIALECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwstsync.core.fetch import Fetch
    from jwstsync.core.offers import Left
    from jwstsync.core.plan import Action, Plan
    from jwstsync.core.selection import Refused

_PROSE = ("error", "message")  # is cut before names are

QueryState = Literal["begun", "answered", "failed", "kept"]
_Path = Annotated[str, Field(description="where it belongs, relative to the root")]


@with_config(CLOSED)
class VersionEvent(TypedDict):
    """Who speaks; the first line."""

    type: Literal["version"]
    schema: Literal["jwstsync.events/1"]
    jwstsync: str


@with_config(CLOSED)
class QueryEvent(TypedDict):
    """The archive is asked about a proposal, has answered, or could not be asked.

    ``kept`` comes with the plan: all that is locked of the proposal stays, since it could not be asked, or its answer
    is not believed.
    """

    type: Literal["query"]
    proposal: int
    state: QueryState
    products: Annotated[
        int | None, Field(description="how many it lists of the observations that are asked for, before any rule")
    ]
    error: Annotated[str | None, Field(description="why it failed, or is not believed")]


@with_config(CLOSED)
class PlannedEvent(TypedDict):
    """What is going to happen; the summary has every action, also where there is none."""

    type: Literal["planned"]
    summary: dict[ActionName, Amount]
    to_fetch: Annotated[
        Amount, Field(description="what is to come from the archive: fetch, update and repair together")
    ]


@with_config(CLOSED)
class StartEvent(TypedDict):
    """The bytes of a product begin to come, for the first time or once more from a new beginning."""

    type: Literal["start"]
    uri: str
    path: _Path
    proposal: int
    size: Annotated[int | None, Field(description="bytes of the whole, as far as known")]
    resumed: Annotated[int, Field(description="bytes that are here from before, and do not come again")]


@with_config(CLOSED)
class ProgressEvent(TypedDict):
    """How much of a product has come; at most once a second for each."""

    type: Literal["progress"]
    uri: str
    path: _Path
    size: Annotated[int | None, Field(description="bytes of the whole, as far as known")]
    received: Annotated[int, Field(description="bytes that are here, with those from before; fewer after a start anew")]


@with_config(CLOSED)
class RetryEvent(TypedDict):
    """A download broke, and is tried again."""

    type: Literal["retry"]
    uri: str
    path: _Path
    proposal: int
    error: Annotated[str, Field(description="what went wrong")]
    setbacks: Annotated[
        int,
        Field(description="tries in a row that broke without a byte more than ever before; after too many it fails"),
    ]
    pause: Annotated[float, Field(description="seconds until the next try")]
    whole_host: Annotated[bool, Field(description="whether nothing at all is asked of the server meanwhile")]


@with_config(CLOSED)
class ProductEvent(TypedDict):
    """What became of one product; ``deferred`` is what was not tried, or put off."""

    type: Literal["product"]
    action: ActionName | None
    reason: str | None
    outcome: OutcomeName
    uri: str
    path: str | None
    proposal: int
    size: Annotated[int | None, Field(description="bytes, as far as known")]
    source: Annotated[str | None, Field(description="the file elsewhere that it was brought in from (--adopt-from)")]
    error: str | None


@with_config(CLOSED)
class LeftEvent(TypedDict):
    """A file elsewhere that has a product's name and stays where it is, and why."""

    type: Literal["left"]
    uri: str
    source: str
    error: str


@with_config(CLOSED)
class WarningEvent(TypedDict):
    """What the user should know, and that stops nothing; it is said on stderr too."""

    type: Literal["warning"]
    message: str


@with_config(CLOSED)
class SummaryEvent(TypedDict):
    """How the run ended; the last line."""

    type: Literal["summary"]
    exit_code: int
    counts: Annotated[dict[OutcomeName, int], Field(description="how many products ended so")]
    bytes: Annotated[int, Field(description="bytes of the products that were fetched")]
    unconfirmed: Annotated[int, Field(description="products that were accepted against the archive's checksum")]
    error: Annotated[str | None, Field(description="why the run ended early")]


Event: TypeAlias = Annotated[
    VersionEvent
    | QueryEvent
    | PlannedEvent
    | StartEvent
    | ProgressEvent
    | RetryEvent
    | ProductEvent
    | LeftEvent
    | WarningEvent
    | SummaryEvent,
    Field(discriminator="type"),
]


def event_line(event: Event) -> str:
    """The line of an event, with its end: at most `lines.MOST` bytes, all of them ASCII."""
    return line_of(event, _PROSE)


def version_event(jwstsync: str) -> VersionEvent:
    """Who speaks.

    Args:
        jwstsync: The program's version.
    """
    return {"type": "version", "schema": "jwstsync.events/1", "jwstsync": jwstsync}


def query_event(
    proposal: int, state: QueryState, *, products: int | None = None, error: str | None = None
) -> QueryEvent:
    """How a question about a proposal goes."""
    return {"type": "query", "proposal": proposal, "state": state, "products": products, "error": error}


def kept_events(plan: Plan) -> Iterator[QueryEvent]:
    """The proposals of which what is locked stays, for want of an answer that is believed."""
    goal = plan.goal
    for proposal in sorted(goal.failed.keys() | goal.disbelieved):
        yield query_event(proposal, "kept", error=goal.failed.get(proposal, "had products, and now lists none"))


def planned_event(plan: Plan) -> PlannedEvent:
    """What is going to happen."""
    sizes = [action.size or 0 for action in plan.transfers]
    return {"type": "planned", "summary": summary_of(plan), "to_fetch": amount_of(sizes)}


def start_event(fetch: Fetch, size: int | None, resumed: int) -> StartEvent:
    """A product begins to come.

    Args:
        fetch: Which one.
        size: Its bytes, as far as known.
        resumed: Of them, those that are here from before.
    """
    return {
        "type": "start",
        "uri": fetch.uri,
        "path": fetch.path,
        "proposal": fetch.wanted.proposal,
        "size": size,
        "resumed": resumed,
    }


def retry_event(fetch: Fetch, error: str, setbacks: int, pause: float, *, whole_host: bool) -> RetryEvent:
    """A download is tried again.

    Args:
        fetch: Which one.
        error: What went wrong.
        setbacks: How many tries in a row broke.
        pause: Seconds until the next one.
        whole_host: Whether nothing is asked of the server meanwhile.
    """
    return {
        "type": "retry",
        "uri": fetch.uri,
        "path": fetch.path,
        "proposal": fetch.wanted.proposal,
        "error": error,
        "setbacks": setbacks,
        "pause": round(pause, 3),
        "whole_host": whole_host,
    }


def product_event(action: Action, outcome: OutcomeName, *, source: str | None, error: str | None) -> ProductEvent:
    """What became of an action.

    Args:
        action: What was to happen.
        outcome: What did.
        source: The file elsewhere that the bytes came from.
        error: Why it is not done.
    """
    return {
        "type": "product",
        "action": action.kind.value,
        "reason": action.reason.value if action.reason else None,
        "outcome": outcome,
        "uri": action.uri,
        "path": action.path,
        "proposal": action.proposal,
        "size": action.size,
        "source": source,
        "error": error,
    }


def refused_event(refused: Refused) -> ProductEvent:
    """A product that can not be taken."""
    return {
        "type": "product",
        "action": None,
        "reason": None,
        "outcome": "failed",
        "uri": refused.uri,
        "path": None,
        "proposal": refused.proposal,
        "size": None,
        "source": None,
        "error": refused.error,
    }


def left_event(left: Left) -> LeftEvent:
    """A file elsewhere that stays where it is."""
    return {"type": "left", "uri": left.uri, "source": left.path, "error": left.why}


def warning_event(message: str) -> WarningEvent:
    """What the user should know."""
    return {"type": "warning", "message": message}


def events_schema() -> dict[str, Any]:
    """The JSON Schema of each line that ``apply`` prints with ``--json``."""
    schema = TypeAdapter[Any](Event).json_schema()
    return {"$schema": DIALECT, "title": "Event", **schema}
