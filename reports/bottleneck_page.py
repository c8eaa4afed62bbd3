"""A judgement on what limits, as text for people and as one object for machines. Pure: the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports import bottlenecks, catalogue
from reports.bottlenecks import Judgement
from reports.extrapolate import Need, Plan
from reports.suspects import Row, Suspect
from reports.verdict import Param, Quantity, Text

SHOWN = 5  # suspects
DIGITS = 4  # significant, of every figure: what lies behind them differs between machines


def summary(found: Judgement, plan: Plan | None) -> dict[str, Any]:
    """For --json. Rates in calls per second, times in seconds, memory in MB."""
    answer: dict[str, Any] = {
        "status": found.status,
        "named": [one.name for one in bottlenecks.together(found)] if accused(found) else [],
        "confirmed": found.confirmed,
        "limit_per_s": short(found.limit),
        "hurt_from_per_s": None if found.hurt_from is None else short(found.hurt_from),
        "highest_per_s": short(found.highest),
        "suspects": [_suspect(one) for one in found.suspects],
    }
    if plan is not None:
        answer["buy"] = {
            "goal_per_s": short(plan.goal),
            "extrapolated": plan.extrapolated,
            "needs": [_need(one) for one in plan.needs],
            "then": None if plan.next_at is None else {"name": plan.next_name, "at_per_s": short(plan.next_at)},
        }
    return answer


def accused(found: Judgement) -> bool:
    """Whether somebody is named; a healthy system and an open case name nobody."""
    return found.status in ("generator", "named", "together", "expected") and bool(found.suspects)


def text(found: Judgement, plan: Plan | None, languages: Sequence[str] = catalogue.LANGUAGES) -> str:
    """Lines in each of the languages, then the evidence."""
    names = ", ".join(one.name for one in bottlenecks.together(found))
    params: dict[str, Param] = {
        "names": names or "–",
        "limit": Quantity(found.limit, "per_s"),
        "hurt": Quantity(found.hurt_from or 0.0, "per_s"),
        "highest": Quantity(found.highest, "per_s"),
    }
    lines = _said(languages, Text(f"bottleneck.status.{found.status}", params))
    if found.confirmed is not None:
        lines += _said(languages, Text(f"bottleneck.confirmed.{'yes' if found.confirmed else 'no'}"))
    for place, one in enumerate(found.suspects[:SHOWN], 1):
        lines += [f"{place}. {one.name} ({one.kind})", *_indented(_said(languages, _reason(one)))]
        lines += [f"     {_row(row)}" for row in one.evidence]
    if plan is not None:
        lines += _plan(languages, plan)
    return "\n".join(lines) + "\n"


def short(value: float) -> float:
    """To DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _reason(one: Suspect) -> Text:
    ceiling = one.ceiling
    key = f"bottleneck.law.{one.law}"
    if ceiling is None:
        return Text(key, {"ceiling": "–", "low": "–", "high": "–"})
    return Text(
        key,
        {
            "ceiling": Quantity(short(ceiling.rate), "per_s"),
            "low": Quantity(short(ceiling.low), "per_s"),
            "high": Quantity(short(ceiling.high), "per_s"),
        },
    )


def _plan(languages: Sequence[str], plan: Plan) -> list[str]:
    goal = Quantity(short(plan.goal), "per_s")
    lines = _said(languages, Text("bottleneck.buy.goal" if plan.needs else "bottleneck.buy.nothing", {"goal": goal}))
    for one in plan.needs:
        key = "bottleneck.buy.factor" if one.then is None else "bottleneck.buy.size"
        lines += _indented(
            _said(
                languages,
                Text(
                    key,
                    {
                        "name": one.name,
                        "ceiling": Quantity(short(one.ceiling.rate), "per_s"),
                        "factor": Quantity(short(one.factor), "factor"),
                        "low": Quantity(short(one.low), "factor"),
                        "high": Quantity(short(one.high), "factor"),
                        "size": Quantity(short(one.size or 0.0), "factor"),
                        "then": Quantity(short(one.then or 0.0), "factor"),
                    },
                ),
            )
        )
        lines += _indented(_said(languages, Text("bottleneck.buy.bends", {"name": one.name}))) if one.bends else []
    if plan.next_at is not None:
        after: dict[str, Param] = {"name": plan.next_name or "", "at": Quantity(short(plan.next_at), "per_s")}
        lines += _said(languages, Text("bottleneck.buy.then", after))
    return lines + (_said(languages, Text("bottleneck.buy.extrapolated")) if plan.extrapolated else [])


def _said(languages: Sequence[str], text: Text) -> list[str]:
    return [catalogue.say(text, language) for language in languages]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"   {line}" for line in lines]


def _row(row: Row) -> str:
    figures = "  ".join(f"{short(rate):g}: {short(value):g}" for rate, value in row.at)
    return f"{row.what} [{row.unit}] {row.meter} @ {figures}"


def _suspect(one: Suspect) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "law": one.law,
        "score": short(one.score),
        "ceiling_per_s": None if one.ceiling is None else short(one.ceiling.rate),
        "interval_per_s": None if one.ceiling is None else [short(one.ceiling.low), short(one.ceiling.high)],
        "size": None if one.size is None else short(one.size),
        "evidence": [
            {"what": r.what, "meter": r.meter, "unit": r.unit, "at": [[short(x), short(y)] for x, y in r.at]}
            for r in one.evidence
        ],
    }


def _need(one: Need) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "ceiling_per_s": short(one.ceiling.rate),
        "factor": short(one.factor),
        "interval": [short(one.low), short(one.high)],
        "size": None if one.size is None else short(one.size),
        "then": None if one.then is None else short(one.then),
        "bends": one.bends,
    }
