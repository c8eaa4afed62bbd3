"""The catalogue and its mix."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter

import pytest

from scenarios import procedures, rng
from scenarios.province import communes
from scenarios.types import ConfigError

WARD = next(commune for commune in communes() if commune.kind == "ward")
COMMUNE = next(commune for commune in communes() if commune.kind == "commune")
HEADER = "code,name,field,legal_days,fee_vnd,share_commune,share_ward,source,verified"


def test_the_catalogue_names_each_procedure_once_with_its_source() -> None:
    codes = [procedure.code for procedure in procedures.catalogue()]
    assert len(codes) == len(set(codes)) >= 20
    for procedure in procedures.catalogue():
        assert procedure.name == unicodedata.normalize("NFC", procedure.name)
        assert procedure.field in procedures.FIELDS
        assert procedure.source
        assert procedures.by_code(procedure.code) is procedure
        assert not (procedure.verified and procedure.source.startswith(("from memory", "simulated")))


@pytest.mark.parametrize(
    ("commune", "certification", "civil"), [(COMMUNE, 62.0, 20.0), (WARD, 70.0, 15.79)], ids=["xã", "phường"]
)
def test_the_mix_is_that_of_a_ward_or_a_commune(commune: object, certification: float, civil: float) -> None:
    cumulative = procedures.mix(commune)  # type: ignore[arg-type]
    assert math.isclose(cumulative[-1], 100.0)
    shares = [b - a for a, b in zip((0.0, *cumulative), cumulative, strict=False)]
    by_field: Counter[str] = Counter()
    for procedure, share in zip(procedures.catalogue(), shares, strict=True):
        by_field[procedure.field] += share  # type: ignore[assignment]
    assert math.isclose(by_field["certification"], certification)
    assert math.isclose(by_field["civil-status"], civil)


def test_people_choose_by_the_mix() -> None:
    key, drawn = rng.stream(1, "procedure"), 20_000
    counts = Counter(procedures.choose(key, index, COMMUNE).code for index in range(drawn))
    for entry in procedures.entries():
        mean = drawn * entry.share_commune / 100
        assert abs(counts[entry.procedure.code] - mean) < 5 * math.sqrt(mean)


def test_a_broken_catalogue_is_refused_with_every_line() -> None:
    text = "\n".join(
        [
            HEADER,
            "1.1,Tên,civil-status,0,0,50,50,memory,0",
            "1.1,Tên,civil-status,0,0,50,50,memory,0",
            "1.2,,fishing,-1,x,101,1.2.3,,maybe",
            "1.3,Te\u0302n,land,0,0,1,1,memory,0",
            "1.4,Tên,land",
        ]
    )
    with pytest.raises(ConfigError) as caught:
        procedures.parse(text, "p.csv")
    problems = caught.value.problems
    assert [problem.split(":")[1] for problem in problems] == ["3"] + ["4"] * 8 + ["5", "6"]
    with pytest.raises(ConfigError, match="the columns must be"):
        procedures.parse("a,b\n", "p.csv")
    with pytest.raises(ConfigError, match="share_ward is 0 for every procedure"):
        procedures.parse(f"{HEADER}\n1.1,Tên,land,0,0,5,0,memory,0\n", "p.csv")
