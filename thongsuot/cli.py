"""`thongsuot`: every command, and the one place where errors become exit codes.

0 ready, 1 not ready, 2 wrong usage or the harness broke, 3 void, 4 undecided.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from record.types import RecordError
from scenarios.types import ConfigError
from thongsuot import drive, judge, look, people, rehearsal, testbed

USAGE = 2


class Group(click.Group):
    """Shows wrong input as what it is: all problems, one a line, and exit code 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
        except RecordError as error:
            click.echo(f"error: {error}", err=True)
        sys.exit(USAGE)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="thongsuot")
def main() -> None:
    """Will the systems of the 166 communes carry the load, and if not, what is in the way?

    \b
    thongsuot rehearse                                     the morning peak against the testbed that ships with it
    thongsuot run generic --target my.toml --rate 200      any HTTP system
    thongsuot assess RUN                                   judge a run again; the exit code is the verdict

    Exit codes: 0 ready, 1 not ready, 2 wrong usage or the harness broke, 3 void, 4 undecided.
    """


for command in (
    rehearsal.command,
    look.plan_command,
    people.command,
    testbed.command,
    look.preflight_command,
    drive.command,
    judge.assess_command,
    judge.report_command,
    look.targets_command,
    look.profiles_command,
):
    main.add_command(command)
