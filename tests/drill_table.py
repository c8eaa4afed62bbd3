"""Every way in which the testbed can misbehave, and the checks that must say so: exactly those, nothing else.

A drill is one short run against a testbed with the fault. `expected` are the checks that must raise an alarm, with
their verdict; `perhaps` may join in, because the fault reaches them too when it happens to strike that way.
"""

from __future__ import annotations

from typing import NamedTuple

FAIL, VOID = "fail", "void"


class Drill(NamedTuple):
    """`short` drills are part of `make test`; all of them are run by `make drills`."""

    faults: tuple[str, ...]
    expected: dict[str, str]
    perhaps: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    short: bool = False

    @property
    def name(self) -> str:
        return " + ".join(self.faults) or "sound"


def _drill(
    fault: str, *checks: str, perhaps: tuple[str, ...] = (), sets: tuple[str, ...] = (), short: bool = False
) -> Drill:
    return Drill((fault,), dict.fromkeys(checks, FAIL), perhaps, sets, short)


def _of(*operations: str) -> str:
    """The drill's promise about the median, for these operations only."""
    return f"objective.0.operations={list(operations)}"


FEW = "objective.1.limit_share=0.01"
WRITES = (
    _drill("lose=3:tthc.hand_over", "integrity.lost", short=True),
    _drill("lose=4:portal.rate", "integrity.lost"),
    _drill("double=4:portal.submit", "integrity.doubled", short=True),
    _drill("change=3:tthc.hand_over", "integrity.changed", short=True),
    _drill("change=3:portal.submit", "integrity.changed"),
    _drill("refuse-kept=4:tthc.hand_over", "integrity.refused_but_kept", short=True),
    # what a stranger hands over was handed over before
    _drill("phantom=4:tthc.hand_over", "integrity.phantom", "integrity.history", short=True),
    _drill("upload-drop=3", "integrity.lost"),
    _drill("upload-truncate=3", "integrity.changed"),
    _drill(
        "code-twice=4", "integrity.numbers", perhaps=("integrity.history", "linked.national")
    ),  # two dossiers, one code
    _drill("code-skip=4", "integrity.numbers"),
    _drill("clock=3", "integrity.clock"),
    _drill("zone=24", "integrity.numbers"),
)
# A run in which only documents travel, quick enough that most of them arrive.
DOCUMENTS_ALONE = (
    'world.journeys=["docs.province", "docs.outgoing", "docs.incoming", "docs.reception"]',
    "time.docs_issued_by_province=14",
    "time.docs_issued_per_commune=3",
    "time.docs_looks_per_commune=120",
    "time.docs_looks_at_province=10",
    "phase.1.for_s=10",
    "objective.0.limit_ms=2000",
)
_ERRORS = ("objective.errors",)
DOCUMENTS = (
    _drill("delivery-lose=4", "linked.deliveries", sets=DOCUMENTS_ALONE, short=True),
    _drill("delivery-double=4", "linked.deliveries", perhaps=_ERRORS, sets=DOCUMENTS_ALONE),
    _drill("delivery-change=4", "linked.deliveries", sets=DOCUMENTS_ALONE),
    _drill("delivery-astray=4", "linked.deliveries", sets=DOCUMENTS_ALONE),
    _drill("confirm-lost=2", "linked.deliveries", sets=DOCUMENTS_ALONE),
    _drill("number-skip=3:docs.issue", "integrity.numbers", sets=DOCUMENTS_ALONE),
    _drill("number-twice=3:docs.issue", "integrity.numbers", sets=DOCUMENTS_ALONE, short=True),
    _drill("number-skip=2:docs.register", "integrity.numbers", sets=DOCUMENTS_ALONE),
    _drill("number-twice=2:docs.register", "integrity.numbers", sets=DOCUMENTS_ALONE),
    _drill("lose=2:docs.register", "integrity.lost", sets=DOCUMENTS_ALONE),
    _drill("sign-wrong-bytes=3:docs.sign", "integrity.signatures", perhaps=_ERRORS, sets=DOCUMENTS_ALONE),
    _drill("sign-expired=3:docs.issue", "integrity.signatures", perhaps=_ERRORS, sets=DOCUMENTS_ALONE),
    _drill("change=3:docs.draft", "integrity.changed", sets=DOCUMENTS_ALONE),
)
SPEED = (
    _drill("delay=900", "objective.p50", short=True),
    _drill("slow-query=300:tthc.claim", "objective.p50", sets=(_of("tthc.claim"),)),
    _drill("hot-row=250:tthc.claim", "objective.p50", sets=(_of("tthc.claim"),)),
    _drill("pool=1,220:tthc.claim", "objective.p50", sets=(_of("tthc.claim"),)),
    _drill("leak=1500", "target.memory"),
)
ERRORS = (
    _drill("status=0.25", "objective.errors", short=True),
    _drill("commune-missing=14797", "communes.errors", perhaps=("objective.errors",), sets=(FEW,)),
)
# Of twice as many people, only how they get in: enough failures in six seconds to be certain of.
LOGGING_IN = ("time.rate_factor=2", 'objective.1.operations=["identity.*"]', "objective.1.limit_share=0.02")
PAYING = ('objective.1.operations=["bank.pay"]',)
OUTSIDE = (
    _drill("identity-down=1", "objective.errors", perhaps=("communes.errors",), sets=LOGGING_IN, short=True),
    _drill("identity-quota=2", "objective.errors", perhaps=("communes.errors",), sets=LOGGING_IN),
    _drill("identity-slow=600", "objective.p50", sets=(_of("identity.authorize"),)),
    _drill("accounts-max=2", "objective.errors", sets=(FEW,)),
    # all of one operation: a share of a few calls, one after the other, says too little
    _drill("bank-down=1", "objective.errors", perhaps=("communes.errors",), sets=PAYING),
    Drill(("callback-lost=3", "reconcile-off"), {"linked.payments": FAIL}, short=True),
    _drill("booked-twice=3", "linked.payments"),
    _drill("amount-changed=3", "linked.payments"),
    _drill("lose=3:bank.pay", "integrity.lost"),
)
# Few results are signed in so short a run: what else is signed must verify as well.
SPOILT = ("objective.errors", "communes.errors")
SIGNED = f"objective.1.operations={['sign.result', 'docs.sign']}"
SIGNATURES = (
    _drill("sign-wrong-bytes=2", "integrity.signatures", perhaps=SPOILT),
    _drill("sign-altered=2", "integrity.signatures", perhaps=SPOILT, short=True),
    _drill("sign-expired=2", "integrity.signatures", perhaps=SPOILT),
    _drill("sign-revoked=2", "integrity.signatures", perhaps=SPOILT),
    _drill("sign-stranger=2", "integrity.signatures", perhaps=SPOILT),
    _drill("lose=2:sign.result", "integrity.lost", perhaps=SPOILT),
    _drill("double=2:sign.result", "integrity.doubled"),
    _drill("tsa-down=1", "objective.errors", perhaps=("communes.errors",), sets=(SIGNED,)),
    _drill("tsa-slow=1", "objective.p50", perhaps=SPOILT, sets=(_of("sign.result", "docs.sign"),)),
)
WEBSITES = (
    _drill("counts-stuck", "linked.counts"),
    _drill("counts-wrong=3", "linked.counts"),
    _drill("cache-off", "target.caching"),
    _drill("site-missing=14797", "linked.counts", "communes.errors", perhaps=("objective.errors",), sets=(FEW,)),
)
NATIONAL = (
    _drill("sync-lose=5", "linked.national"),
    _drill("sync-double=5", "linked.national"),
    _drill("sync-reverse=3", "linked.national", short=True),
    _drill("sync-stuck", "linked.national", "objective.lag"),
    _drill("sync-slow=1500", "objective.lag", sets=("objective.2.limit_s=0.5",)),
    # the national portal was told of the step that TTHC has forgotten
    _drill("state-back=2:tthc.hand_over", "integrity.history", "linked.national"),
)
DRILLS: tuple[Drill, ...] = (*WRITES, *DOCUMENTS, *SPEED, *ERRORS, *OUTSIDE, *SIGNATURES, *WEBSITES, *NATIONAL)
