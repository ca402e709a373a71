"""nfr: the command line shell: which commands there are. Each is loaded when it is asked for: some need seconds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click

from harness.commands.places import BROKEN, USAGE
from harness.record.errors import RecordError
from harness.spec.errors import SpecError
from harness.target.errors import ProfileError


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a command is defined, and what it is for."""

    module: str
    name: str
    says: str


COMMANDS: Mapping[str, Elsewhere] = {
    "calibrate": Elsewhere("harness.commands.calibrate", "calibrate", "Measure the instrument alone."),
    "cases": Elsewhere("harness.commands.cases", "cases", "List the 29 cases and how they stand."),
    "compare": Elsewhere("harness.commands.compare", "compare", "Is one run slower than another?"),
    "judge": Elsewhere("harness.commands.stored", "judge", "Judge a stored run again, by the specs as they are now."),
    "report": Elsewhere("harness.commands.stored", "report", "Write the report of a stored run again."),
    "run": Elsewhere("harness.commands.run", "run", "Run cases: everything is handed to pytest."),
    "soak": Elsewhere("harness.soak.command", "soak", "Case 6.1.1: the whole stack trades for a day."),
    "venue": Elsewhere("harness.venue.command", "venue", "Start simulated venues."),
}


class Commands(click.Group):
    """A group that imports a command when it is carried out, and none to say which there are."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads it; None when there is none of this name."""
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        command: click.Command = getattr(import_module(where.module), where.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].says) for name in self.list_commands(ctx)])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="opensqt-nfr-harness", prog_name="nfr")
def cli() -> None:
    """Qualify an OpenSQT exchange connector against its 29 non-functional cases.

    Exit codes: 0 gates met, 1 not met, 2 usage, 3 the harness itself failed.
    """


def main() -> None:
    """Entry point of `nfr`."""
    try:
        cli.main(prog_name="nfr", standalone_mode=False)
    except click.ClickException as refused:
        refused.show()
        sys.exit(USAGE)
    except click.Abort:
        click.echo("nfr: interrupted", err=True)
        sys.exit(BROKEN)
    except (SpecError, RecordError, ProfileError) as refused:
        click.echo(f"nfr: {refused}", err=True)
        sys.exit(USAGE)


if __name__ == "__main__":
    main()
