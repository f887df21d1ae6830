"""The command line as a whole: its commands, and how a call ends."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import click

from jwstsync import __version__
from jwstsync.cli.ending import ending_of
from jwstsync.cli.options import Group
from jwstsync.cli.output import complain
from jwstsync.errors import ExitCode, JwstsyncError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "init": ("jwstsync.cli.edit", "Write a starter manifest, jwstsync.toml."),
    "add": ("jwstsync.cli.edit", "Add proposals to the manifest, and keep the rest of it."),
    "remove": ("jwstsync.cli.edit", "Remove proposals from the manifest, and keep the rest of it."),
    "search": ("jwstsync.cli.look", "Show the observations of proposals, or what their products are."),
    "plan": ("jwstsync.cli.compare", "Show what apply would do."),
    "apply": ("jwstsync.cli.apply", "Make the disk what the manifest says, and lock it."),
    "status": ("jwstsync.cli.compare", "Compare the lockfile with the disk, without the network."),
    "show": ("jwstsync.cli.inventory", "Sum up the lockfile, without network and data."),
    "verify": ("jwstsync.cli.verify", "Hash every locked file; what is wrong, the next apply repairs."),
    "clean": ("jwstsync.cli.clean", "Empty the trash; remove unfinished downloads and old versions."),
    "export": ("jwstsync.cli.export", "Write the locked products as checksums or as a table."),
    "lock": ("jwstsync.cli.lock", "Merge lockfiles, and check them without network and data."),
    "login": ("jwstsync.cli.access", "Check a MAST token and store it in the keyring."),
    "whoami": ("jwstsync.cli.access", "Tell whose token is used, and what it is good for."),
    "logout": ("jwstsync.cli.access", "Remove the token from the keyring."),
    "schema": ("jwstsync.cli.reference", "Print the JSON Schema of what is read and written."),
    "sandbox": ("jwstsync.cli.reference", "Serve a small stand-in for MAST on localhost, until Ctrl-C."),
}


@click.group(
    cls=Group,
    homes=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every option can be set in the environment as JWSTSYNC_<OPTION>; a flag wins. "
    "The MAST token is read from MAST_API_TOKEN, or else from the keyring.",
)
@click.version_option(__version__, message="jwstsync %(version)s")
def command() -> None:
    """Keep a folder of JWST data in step with the MAST archive.

    A manifest, jwstsync.toml, lists proposals and filter rules; `jwstsync plan` shows what is missing, and `jwstsync
    apply` fetches it.
    """


def run(arguments: Sequence[str]) -> int:
    """Carries out one call and gives its exit code."""
    _soften_streams()
    try:
        code = command.main(list(arguments), prog_name="jwstsync", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (JwstsyncError, KeyboardInterrupt, click.Abort) as error:
        code, text = ending_of(error)
    except SystemExit as error:  # click's way to end a completion, or help that nobody reads
        return error.code if isinstance(error.code, int) else ExitCode.BUG
    except Exception as error:  # noqa: BLE001 - a bug must end with its own code
        import traceback

        traceback.print_exc()
        code, text = ending_of(error)
    else:
        return code if isinstance(code, int) else ExitCode.OK
    complain(text)
    return code


def _soften_streams() -> None:
    """Lets characters that a terminal's encoding has not become question marks; they are no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
