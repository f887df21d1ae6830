"""The options that every command takes, before or after its name, and how an option is set by the environment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from jwstsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_PREFIX = "JWSTSYNC_"


class Option(click.Option):
    """An option that the environment can set as ``JWSTSYNC_<OPTION>``."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **attributes)
        if self.envvar is None and self.name is not None:
            self.envvar = _PREFIX + self.name.upper()

    def handle_parse_result(self, ctx: click.Context, opts: Any, args: list[str]) -> tuple[Any, list[str]]:  # noqa: ANN401
        """Names the variable where click would name the flag that was not given."""
        try:
            return super().handle_parse_result(ctx, opts, args)
        except click.BadParameter as error:
            if ctx.get_parameter_source(str(self.name)) is ParameterSource.ENVIRONMENT:
                error.param_hint = str(self.envvar)
            raise


class Seconds(click.FloatRange):
    """A time in seconds, of which there is an end."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """The number that a text is."""
        number: float = super().convert(value, param, ctx)
        return number if math.isfinite(number) else self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)


class ProposalId(click.IntRange):
    """The number of a proposal, as MAST counts them."""

    def __init__(self) -> None:
        super().__init__(1, 99_999)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """The number that a text is."""
        try:
            number: int = super().convert(value, param, ctx)
        except click.BadParameter:
            expected = f"expected a proposal id, a whole number from {self.min} to {self.max}"
            self.fail(f"{value!r}: {expected}", param, ctx)
        return number


PROPOSAL_ID = ProposalId()


class Amount(click.ParamType[float]):
    """An amount as the core reads it.

    Args:
        name: What it is.
        parse: Gives the number that a text is; a `ValueError` says what would be right.
    """

    def __init__(self, name: str, parse: Callable[[object], float]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """The number that a text is."""
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - click's own
    """A click option that the environment can set."""
    return click.option(*names, cls=Option, **attributes)


@dataclass
class Globals:
    """What the global options say."""

    manifest: str | None = None
    sandbox: bool = False
    timeout: float | None = None
    as_json: bool = False
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Puts a global option where it counts: flags win over the environment, the later flag over the earlier."""
    shared = context.find_root().ensure_object(dict)
    name = str(parameter.name)
    source = context.get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        shared[name] = value
    elif source is ParameterSource.ENVIRONMENT:
        shared.setdefault(name, value)


def global_options() -> list[click.Option]:
    """The options that stand before or after a command's name."""
    common: dict[str, Any] = {"expose_value": False, "callback": _remember}
    return [
        Option(["-f", "--manifest"], metavar="FILE", help="The manifest.", **common),
        Option(["--sandbox"], is_flag=True, help="Try it out against a private stand-in for MAST.", **common),
        Option(
            ["--timeout"],
            type=Seconds(min=0, min_open=True),
            metavar="S",
            help="Seconds for one query with all its tries.",
            **common,
        ),
        Option(["--json", "as_json"], is_flag=True, envvar="JWSTSYNC_JSON", help="Speak to programs.", **common),
        Option(["-v", "--verbose"], is_flag=True, help="List everything.", **common),
        Option(["-q", "--quiet"], is_flag=True, help="Say nothing but errors.", **common),
        Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="Colors; auto is in a terminal, unless NO_COLOR is set.",
            **common,
        ),
    ]


def check_folder(target: str | Path) -> None:
    """Refuses a file to be written where there is no folder for it.

    Raises:
        UsageError: There is none.
    """
    from pathlib import Path

    if not Path(target).absolute().parent.is_dir():
        raise UsageError(f"{target}: expected a place in a folder that is there")


def globals_of(context: click.Context) -> Globals:
    """What the global options of this call say."""
    return Globals(**context.find_root().ensure_object(dict))


class Command(click.Command):
    """A command that takes the global options too.

    Args:
        examples: Calls and what each is for, shown below the options.
    """

    def __init__(self, *args: Any, examples: Iterable[tuple[str, str]] = (), **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **attributes)
        self.params = [*self.params, *global_options()]
        self._examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples."""
        if self._examples:
            with formatter.section("Examples"):
                formatter.write_dl(self._examples, col_max=40)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """The group of all commands, with the global options; a command is imported when it is called.

    Args:
        homes: The module of each command, and what the command does.
    """

    def __init__(self, *args: Any, homes: Mapping[str, tuple[str, str]], **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **attributes)
        self.commands.update({name: click.Command(name, short_help=homes[name][1]) for name in homes})
        self.params = [*self.params, *global_options()]
        self._homes = homes

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        """The names of the commands, in the order in which they are needed."""
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own
        """The command of that name, if there is one."""
        if cmd_name not in self._homes:
            return None
        command: click.Command = getattr(import_module(self._homes[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's own
        """Writes what each command does."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._homes.items()])
