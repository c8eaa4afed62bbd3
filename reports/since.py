"""Re-tests: what became of each finding and action since earlier runs: open, fixed, come back or new.

Fixed means seen right. A run that was void or never sealed shows what is wrong but nothing right, and what a run did
not look at stays as it was known before.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from record.types import Manifest
from reports.assess import Assessment
from reports.page_one import Action
from reports.verdict import Finding, Text, Verdict


class Change(enum.StrEnum):
    """What became of it (catalogue: since.<value>)."""

    NEW = "new"
    COME_BACK = "come-back"
    OPEN = "open"
    FIXED = "fixed"


@dataclass(frozen=True)
class Seen:
    """One run of the chain, judged."""

    assessment: Assessment
    actions: tuple[Action, ...]
    manifest: Manifest
    sealed: bool

    @property
    def shows_right(self) -> bool:
        """Whether what passed in it may be believed."""
        return self.sealed and self.assessment.gate is not Verdict.VOID


@dataclass(frozen=True)
class Item:
    """A finding, by its check, or an action, by its key. `verdict` is that of this run's finding, None where it was
    not measured (for an action: where it is not asked for). `first` is the first run it was seen wrong in, `fixed` the
    run that showed it right again (None while it is wrong)."""

    key: str
    kind: str  # finding or action
    change: Change
    title: Text
    said: Text  # the latest run that saw it wrong, in words
    verdict: Verdict | None
    first: str
    fixed: str | None


@dataclass(frozen=True)
class Since:
    """This run against those before it, the worst news first. `notes` say what makes them hard to compare."""

    run: str
    before: tuple[str, ...]  # in order
    items: tuple[Item, ...]
    notes: tuple[Text, ...]

    def count(self, change: Change, kind: str = "finding") -> int:
        return sum(item.change is change and item.kind == kind for item in self.items)


def compare(now: Seen, before: Sequence[Seen]) -> Since:
    """`before` are at least one earlier run, the oldest first."""
    chain = (*before, now)
    findings = dict.fromkeys(one.check for seen in chain for one in seen.assessment.findings)
    actions = dict.fromkeys(one.key for seen in chain for one in seen.actions)
    items = [item for check in findings if (item := _finding(check, chain)) is not None]
    items += [item for key in actions if (item := _action(key, chain)) is not None]
    order = list(Change)
    items.sort(key=lambda item: (item.kind != "finding", order.index(item.change)))
    none = () if items or not now.shows_right else (Text("since.none"),)  # an unfit run cannot say so
    return Since(_id(now), tuple(_id(seen) for seen in before), tuple(items), (*_notes(now, before), *none))


def problems(now: Manifest, before: Sequence[Manifest]) -> list[str]:
    """Why these runs are no chain: out of order, or one of them twice."""
    found = []
    chain = [*before, now]
    for place, (earlier, later) in enumerate(pairwise(chain), 1):
        if later.run_id in {each.run_id for each in chain[:place]}:
            found.append(f"--since: {later.run_id} stands there twice; each run once, the oldest first")
        elif later.created_utc < earlier.created_utc:
            found.append(
                f"--since: {earlier.run_id} is of {earlier.created_utc}, after {later.run_id} of {later.created_utc}; "
                "the oldest first, and none after the run that is reported on"
            )
    return found


def _finding(check: str, chain: Sequence[Seen]) -> Item | None:
    in_each = [_of(check, seen) for seen in chain]
    states = [_state(one, seen) for one, seen in zip(in_each, chain, strict=True)]
    change = _change(states)
    if change is None:
        return None
    wrong = [one for one, state in zip(in_each, states, strict=True) if state is False and one is not None]
    last = in_each[-1]
    return Item(
        check, "finding", change, wrong[-1].title, wrong[-1].summary, None if last is None else last.verdict,
        *_first_and_fixed(states, chain),
    )  # fmt: skip


def _action(key: str, chain: Sequence[Seen]) -> Item | None:
    """An action that is no longer asked for is fixed when the check it came from was looked at."""
    check = key.split(":")[0]
    in_each = [next((one for one in seen.actions if one.key == key), None) for seen in chain]
    looked = [seen.shows_right and _of(check, seen) is not None for seen in chain]
    states = [False if one is not None else (True if saw else None) for one, saw in zip(in_each, looked, strict=True)]
    change = _change(states)
    if change is None:
        return None
    wrong = [one for one in in_each if one is not None]
    last = _of(check, chain[-1]) if in_each[-1] is not None else None
    return Item(
        key, "action", change, wrong[-1].what, wrong[-1].evidence, None if last is None else last.verdict,
        *_first_and_fixed(states, chain),
    )  # fmt: skip


def _of(check: str, seen: Seen) -> Finding | None:
    """The worst finding of that name."""
    found = [one for one in seen.assessment.findings if one.check == check]
    return max(found, key=lambda one: one.verdict, default=None)


def _state(finding: Finding | None, seen: Seen) -> bool | None:
    """Right, wrong, or None: not known. Undecided is not right."""
    if finding is None:
        return None
    if finding.verdict is not Verdict.PASS:
        return False
    return True if seen.shows_right else None


def _change(states: Sequence[bool | None]) -> Change | None:
    """None for what was never wrong, and for what was right again when last looked at before this run."""
    known = [state for state in states[:-1] if state is not None]
    ever, last = False in known, known[-1] if known else None
    if states[-1] is False:
        return Change.NEW if not ever else Change.COME_BACK if last else Change.OPEN
    if states[-1] is True:
        return Change.FIXED if ever else None
    return Change.OPEN if last is False else None


def _first_and_fixed(states: Sequence[bool | None], chain: Sequence[Seen]) -> tuple[str, str | None]:
    first = states.index(False)
    last = len(states) - 1 - states[::-1].index(False)
    fixed = next((place for place in range(last + 1, len(states)) if states[place]), None)
    return _id(chain[first]), None if fixed is None else _id(chain[fixed])


def _notes(now: Seen, before: Sequence[Seen]) -> tuple[Text, ...]:
    notes = []
    for seen in before:
        pairs = {
            "profile": (seen.manifest.profile, now.manifest.profile),
            "target": (seen.manifest.target.name, now.manifest.target.name),
        }
        for what, (then, today) in pairs.items():
            if then != today:
                notes.append(Text(f"since.other_{what}", {"run": _id(seen), "then": then, "now": today}))
        if not seen.shows_right:
            notes.append(Text("since.unfit", {"run": _id(seen)}))
    if not now.shows_right:
        notes.append(Text("since.unfit_now"))
    return tuple(notes)


def _id(seen: Seen) -> str:
    return seen.manifest.run_id
