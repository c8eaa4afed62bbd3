"""The record that `bench.audit` judges: five million ledger rows, two million observations in six places, known faults.

Everything is drawn as numbers and becomes text only in the end. `SEEDED` says what is wrong, and nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench._records import CODES, COMMUNES, seal, words, world
from record import schema
from record.types import Event, Limits, Link, Manifest, OperationInfo, Phase, State, TargetInfo, Zero

WRITES, DOSSIERS, DOCUMENTS, ORDERS = 1_666_667, 150_000, 40_000, 60_000
S, MS_0, DAY = 1_000_000_000, 1_751_853_600_000, "250707"  # 7 July 2025, 09:00 in Hanoi
PLACES = "tthc national web docs.sent docs.received bank"
LINKS = (
    Link("national", "state", "tthc", "national", lag=True),
    Link("payments", "payment", "bank", "tthc"),
    Link("deliveries", "delivery", "docs.sent", "docs.received"),
    Link("counts", "count", "tthc", "web"),
)
MOVES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (4, 5), (4, 6), (4, 8), (4, 9), (5, 4), (6, 4), (9, 10))
OPERATIONS = tuple(OperationInfo(f"tthc.op{index:02d}", "tthc", True) for index in range(12))
SEEDED = {
    "integrity.lost": {"lost": 7},
    "integrity.doubled": {"doubled": 5},
    "integrity.changed": {"changed": 3},
    "integrity.phantom": {"phantom": 2},
    "linked.national": {"lost": 4, "doubled": 3, "phantom": 1, "changed": 2, "stale": 6},
    "linked.payments": {"lost": 2, "doubled": 1, "stale": 1},
    "linked.deliveries": {"lost": 3, "changed": 2},
    "linked.counts": {"stale": 1},
    "integrity.numbers": {"repeated": 3, "missing": 2, "misdated": 1},
    "integrity.history": {"illegal": 5},
}

Ints = np.ndarray


@dataclass
class Rows:
    """Observations of one kind at one place, as numbers; `digest` -1 stands for none."""

    place: str
    kind: str
    subject: Ints
    value: Ints
    at_ms: Ints
    commune: Ints
    digest: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.digest):
            self.digest = np.full(len(self.subject), -1)

    def keep(self, chosen: Ints) -> None:
        for name in ("subject", "value", "at_ms", "commune", "digest"):
            setattr(self, name, getattr(self, name)[chosen])

    def lose(self, *at: int) -> None:
        self.keep(np.delete(np.arange(len(self.subject)), at))

    def double(self, *at: int) -> None:
        self.keep(np.concatenate([np.arange(len(self.subject)), at]))


def make(folder: Path) -> int:
    """Write the record; the number of its observations."""
    observations = _observations()
    at = np.arange(600) * S // 2
    meters = [
        words(np.arange(600) % 3, ["target:tthc", "target:national", "target:bank"]),
        words(np.zeros(600, np.int32), ["clock_skew_ms"]), words(np.zeros(600, np.int32), ["ms"]),
        at, np.sin(np.arange(600)) * 20,
    ]  # fmt: skip
    events = [Event(0, "final-listing"), Event(310 * S, "final-observations", PLACES)]
    tables = {"communes": world(), "ledger": _ledger(), "readings": meters, "observations": observations}
    seal(folder, _manifest(), tables, events)
    return len(observations[0])  # type: ignore[arg-type]


def _ledger() -> list[object]:
    """Three facts for each write, ordered as sealing orders them."""
    number = np.repeat(np.arange(WRITES), 3)
    fact = np.tile(np.array([0, 1, 2], np.int32), WRITES)  # intended, acked, observed
    content = number.copy()
    fact[3 * np.arange(1000, 1007) + 2] = 3  # lost: absent
    content[3 * np.arange(2000, 2003) + 2] += WRITES  # changed
    rows = np.sort(np.concatenate([np.arange(3 * WRITES), 3 * np.arange(3000, 3005) + 2]))  # doubled
    rows = rows[~np.isin(rows, [3 * 4000, 3 * 4000 + 1, 3 * 4001, 3 * 4001 + 1])]  # phantom: never intended
    number, fact, content = number[rows], fact[rows], content[rows]
    keys = pc.binary_join_element_wise("b1c2d3e4f5", _hex(WRITES, 7), "-").cast(pa.string())
    keys = pc.binary_join_element_wise(keys, "receive", ".")
    digests = _digests(2 * WRITES)
    held = (fact == 0) | (fact == 2)
    subjects = pc.binary_join_element_wise("000.00.14797.H56-250707", _hex(WRITES, 6), "-")
    return [
        keys.take(pa.array(number)),
        words(fact, ["intended", "acked", "observed", "absent"]),
        number * 1000,
        words(number % len(OPERATIONS), [operation.name for operation in OPERATIONS]),
        words(number % COMMUNES, list(CODES)),
        pa.array((number // 3).astype(np.uint32)),
        digests.take(pa.array(content, mask=~held)),
        subjects.take(pa.array(number, mask=fact == 0)),
    ]


def _observations() -> list[object]:
    parts = [
        *((rows, _dossier_codes(), _texts(0, 11)) for rows in (*_states(), *_histories())),
        (_moves(), _dossier_codes(), pa.array([f"{before}>{after}" for before in range(11) for after in range(11)])),
        (_numbers(), pa.array([f"000.00.{code}.H56-{DAY}" for code in CODES]), _texts(0, DOSSIERS // COMMUNES + 3)),
        *((rows, _joined("ĐH-", _hex(ORDERS, 8)), _texts(0, 20_000)) for rows in _payments()),
        *((rows, _delivery_names(), pa.array(["sent"])) for rows in _deliveries()),
        *((rows, pa.array(CODES), _texts(0, 2_000)) for rows in _counts()),
    ]
    order = sorted(range(len(parts)), key=lambda index: (parts[index][0].place, parts[index][0].kind))
    parts = [parts[index] for index in order]
    digests = _digests(2 * DOSSIERS)
    places, kinds = PLACES.split(), ["count", "delivery", "history", "move", "number", "payment", "state"]
    rows = [part[0] for part in parts]
    lengths = [len(one.subject) for one in rows]
    digest = np.concatenate([one.digest for one in rows])
    return [
        words(np.repeat([places.index(one.place) for one in rows], lengths), places),
        words(np.repeat([kinds.index(one.kind) for one in rows], lengths), kinds),
        pa.concat_arrays([subjects.take(pa.array(one.subject)) for one, subjects, _ in parts]),
        pa.concat_arrays([values.take(pa.array(one.value)) for one, _, values in parts]),
        np.concatenate([one.at_ms for one in rows]),
        pa.nulls(sum(lengths), pa.string()),
        digests.take(pa.array(digest, mask=digest < 0)),
        words(np.concatenate([one.commune for one in rows]), list(CODES)),
    ]


def _states() -> tuple[Rows, Rows]:
    each = np.arange(DOSSIERS)
    source, mirror = (
        Rows(place, "state", each, np.full(DOSSIERS, 9), MS_0 + each * 2 + 600, each % COMMUNES, each)
        for place in ("tthc", "national")
    )
    mirror.digest = each.copy()
    mirror.digest[100:102] += DOSSIERS  # changed
    mirror.value = np.full(DOSSIERS, 9)
    mirror.value[200:206] = 4  # stale
    source.lose(10)  # phantom at the mirror
    mirror.double(20, 21, 22)
    mirror.lose(30, 31, 32, 33)
    return source, mirror


def _histories() -> tuple[Rows, Rows]:
    """Three states of each dossier, visible at the mirror after 0.1 to some seconds."""
    lag = np.random.default_rng(20250701).lognormal(np.log(800), 0.5, 3 * DOSSIERS).astype(np.int64) + 100
    each, value = np.repeat(np.arange(DOSSIERS), 3), np.tile([2, 4, 9], DOSSIERS)
    at = MS_0 + each * 2 + np.tile([0, 300, 600], DOSSIERS)
    return (
        Rows("tthc", "history", each, value, at, each % COMMUNES),
        Rows("national", "history", each, value, at + lag, each % COMMUNES),
    )


def _moves() -> Rows:
    each = np.repeat(np.arange(DOSSIERS), 3)
    value = np.tile([2, 2 * 11 + 4, 4 * 11 + 9], DOSSIERS)  # 0>2, 2>4, 4>9
    value[3 * 500 + 1] = 2 * 11 + 9  # not allowed, and what follows does not fit
    value[3 * 501] = 1  # 0>1, then 2>4
    value[3 * 502 + 2] = 4 * 11 + 8  # allowed, but it is in state 9
    rows = Rows("tthc", "move", each, value, MS_0 + each * 2 + np.tile([0, 300, 600], DOSSIERS), each % COMMUNES)
    rows.lose(3 * 503, 3 * 504 + 1)  # never born; a step missing
    return rows


def _numbers() -> Rows:
    """Numbers 1 to n of every commune's series; number 10 lacks in two, three were given twice, one on another day."""
    each = np.arange(DOSSIERS)
    rows = Rows("tthc", "number", each % COMMUNES, each // COMMUNES + 1, MS_0 + each * 2, each % COMMUNES)
    rows.at_ms[700] -= 86_400_000
    rows.double(5, 6, 7)
    rows.lose(9 * COMMUNES, 9 * COMMUNES + 1)
    return rows


def _payments() -> tuple[Rows, Rows]:
    each = np.arange(ORDERS)
    bank, booked = (
        Rows(place, "payment", each, 5_000 + each % 10_000, MS_0 + each * 5, each % COMMUNES)
        for place in ("bank", "tthc")
    )
    booked.value = booked.value.copy()
    booked.value[50] += 1
    booked.double(60)
    booked.lose(70, 71)
    return bank, booked


def _deliveries() -> tuple[Rows, Rows]:
    each = np.arange(DOCUMENTS)
    sent, received = (
        Rows(place, "delivery", each, np.zeros(DOCUMENTS, np.int64), MS_0 + each * 7, each % COMMUNES, each)
        for place in ("docs.sent", "docs.received")
    )
    received.digest = each.copy()
    received.digest[80:82] += DOSSIERS
    received.lose(90, 91, 92)
    return sent, received


def _counts() -> tuple[Rows, Rows]:
    each = np.arange(COMMUNES)
    held = np.full(COMMUNES, DOSSIERS // COMMUNES)
    tthc, web = (Rows(place, "count", each, held.copy(), np.full(COMMUNES, MS_0), each) for place in ("tthc", "web"))
    web.value[3] -= 1
    return tthc, web


def _dossier_codes() -> pa.Array:
    number = _texts(10_000, 10_000 + DOSSIERS)
    series = pa.array([f"000.00.{code}.H56-{DAY}" for code in CODES]).take(pa.array(np.arange(DOSSIERS) % COMMUNES))
    return pc.binary_join_element_wise(series, number, "-")


def _delivery_names() -> pa.Array:
    place = pa.array(CODES).take(pa.array(np.arange(DOCUMENTS) % COMMUNES))
    documents = _joined("H56,2025/07/07,", _texts(0, DOCUMENTS))
    return pc.binary_join_element_wise(documents, pc.binary_join_element_wise("H56.", place, ""), "→")


def _joined(head: str, tail: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(head, tail, "")


def _texts(low: int, high: int) -> pa.Array:
    return pa.array(np.arange(low, high)).cast(pa.string())


def _digests(count: int) -> pa.Array:
    """Random, so that the files are as large as real ones."""
    text = np.random.default_rng(count).bytes(16 * count).hex().encode()
    offsets = np.arange(count + 1, dtype=np.int32) * 32
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def _hex(count: int, digits: int) -> pa.Array:
    return pa.array([f"{index:0{digits}x}" for index in range(count)])


def _manifest() -> Manifest:
    return Manifest(
        format=schema.FORMAT, run_id="bench", tag="b1c2d3e4f5", state=State.SEALED, created_utc="2025-07-07T02:00:00Z",
        profile="bench", profile_text="", profile_overrides={}, seed=1, plan_digest="0" * 64, arrivals=0,
        code="bench", target=TargetInfo("bench", "bench", {"tthc": "http://127.0.0.1:1"}, "0" * 64),
        identities="none", rate_factor=1.0, compression=1.0, workers=1,
        phases=(Phase("peak", 0, 300 * S, True),),
        objectives=(), limits=Limits(), operations=OPERATIONS, links=LINKS, moves=MOVES,
        zero=Zero(MS_0 * 1_000_000, 1, "bench"), sealed_utc="2025-07-07T02:10:00Z",
    )  # fmt: skip
