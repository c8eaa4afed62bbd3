"""`thongsuot`: every command, and the one place where errors become exit codes.

0 ready, 1 not ready, 2 wrong usage or the harness broke, 3 void, 4 undecided. So Python's own 1 for whatever was not
caught must never get out: a pipeline would read it as a verdict.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from record.types import RecordError
from scenarios.types import ConfigError
from thongsuot import (
    bottlenecks,
    capacity,
    drive,
    duet,
    gate,
    history,
    judge,
    live,
    look,
    people,
    rehearsal,
    signoff,
    testbed,
    trial_ca,
    verify,
)

USAGE = 2


class UnreadError(Exception):
    """Whoever was to read the output has gone."""


class Group(click.Group):
    """Shows wrong input as what it is: all problems, one a line, and exit code 2; with --json also as one object."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **kwargs: Any) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        try:
            return super().main(words, *more, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            error.show()
            problems = [error.format_message()]
        except ConfigError as error:
            problems = _shown(error.problems)
        except RecordError as error:
            problems = _shown([str(error)])
        except (click.Abort, KeyboardInterrupt):
            problems = _shown(["broken off"])
        except UnreadError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python would try once more when it ends
            sys.exit(USAGE)
        except Exception as error:  # noqa: BLE001 - a crash must not look like a verdict
            traceback.print_exc()
            problems = _shown([f"the harness broke: {type(error).__name__}: {error}"])
        if "--json" in words:
            click.echo(json.dumps({"errors": problems, "exit_code": USAGE}, ensure_ascii=False))
        sys.exit(USAGE)

    def invoke(self, context: click.Context) -> Any:
        """click would turn a closed pipe into exit code 1."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise UnreadError from None


def _shown(problems: list[str]) -> list[str]:
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    return problems


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
    live.command,
    capacity.command,
    capacity.recompute_command,
    judge.assess_command,
    judge.report_command,
    signoff.command,
    verify.command,
    trial_ca.command,
    gate.command,
    duet.command,
    history.command,
    bottlenecks.command,
    look.targets_command,
    look.profiles_command,
):
    main.add_command(command)
