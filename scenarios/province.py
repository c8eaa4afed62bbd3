"""The communes and wards of the province, read from a file and checked as a whole.

Facts of the shipped file: codes and names as in the package vietnamadminunits 1.0.4, populations and areas from a
public MIT data set; both sums equal the official figures of the province.
"""

from __future__ import annotations

import csv
import difflib
import io
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from scenarios.types import Commune, ConfigError

PROVINCE = "Thanh Hóa"
COMMUNE_COUNT = 147  # xã; Resolution 1686/NQ-UBTVQH15
WARD_COUNT = 19  # phường; the same
POPULATION = 4_324_783  # official figure of the province

KINDS = ("commune", "ward")
ZONES = ("mountain", "plain", "coast")
communes_max = 5_000
population_max = 2_000_000  # of one commune
file_bytes_max = 4_000_000
near_matches_max = 5
problems_max = 50

_TEXT = ("code", "name", "kind", "former_district", "zone")
_NUMBERS = ("area_km2", "population", "latitude", "longitude")
_TONES = "\u0300\u0301\u0303\u0309\u0323"  # huyền, sắc, ngã, hỏi, nặng


@lru_cache(maxsize=1)
def communes() -> tuple[Commune, ...]:
    """The 166 units of Thanh Hóa in the order of the file. ConfigError lists every problem with file and line."""
    source = resources.files("scenarios") / "data" / "communes.csv"
    found, problems = _parse("communes.csv", source.read_bytes())
    problems += _differences(found)
    if problems:
        raise ConfigError(problems)
    return found


def load(path: Path) -> tuple[Commune, ...]:
    """The communes of another file with the same columns, for another province or a small trial.

    The sums of Thanh Hóa are not required of it. Raises ConfigError with all problems at once.
    """
    try:
        with path.open("rb") as file:
            content = file.read(file_bytes_max + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    found, problems = _parse(str(path), content)
    if problems:
        raise ConfigError(problems)
    return found


def fold(text: str) -> str:
    """A key for searching: lower case, no diacritics, đ as d, single spaces ("Xã Đông Tiến": "xa dong tien")."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(bare.replace("đ", "d").split())


def spelling(text: str) -> str:
    """A key for comparing: all diacritics count, only the place of the tone mark does not ("Hòa" = "Hoà" ≠ "Hoa")."""
    syllables = []
    for syllable in unicodedata.normalize("NFD", text.casefold()).split():
        tone = "".join(c for c in syllable if c in _TONES)
        bare = "".join(c for c in syllable if c not in _TONES)
        syllables.append(unicodedata.normalize("NFC", bare) + tone)
    return " ".join(syllables)


def find(wanted: str, among: Sequence[Commune]) -> Commune:
    """The commune with this code or name; diacritics, case and the word xã or phường may be left out.

    ConfigError names the nearest ones when none or several fit.
    """
    key = fold(wanted)
    hits = [c for c in among if c.code == wanted.strip() or key in (fold(c.name), _short(c))]
    if len(hits) > 1:
        hits = [c for c in hits if spelling(wanted) in (spelling(c.name), spelling(c.name.split(" ", 1)[-1]))] or hits
    if len(hits) == 1:
        return hits[0]
    near = hits or _near(wanted, key, among)
    known = ", ".join(f"{c.code} {c.name}" for c in near[:near_matches_max])
    what = "fits several communes" if hits else "is no commune of the province"
    raise ConfigError([f'commune: "{wanted}" {what}' + (f"; near: {known}" if known else "")])


def _short(commune: Commune) -> str:
    return fold(commune.name).split(" ", 1)[-1]


def _near(wanted: str, key: str, among: Sequence[Commune]) -> list[Commune]:
    by_key = {_short(c): c for c in among} | {fold(c.name): c for c in among} | {c.code: c for c in among}
    keys = difflib.get_close_matches(key, by_key, n=near_matches_max, cutoff=0.6)
    keys += [c.code for c in among if len(key) >= 3 and key in fold(c.name)]
    return list(dict.fromkeys(by_key[k] for k in keys))


def _parse(name: str, content: bytes) -> tuple[tuple[Commune, ...], list[str]]:
    """The rows that can be read, and every problem met on the way."""
    if len(content) > file_bytes_max:
        return (), [f"{name}: larger than {file_bytes_max} bytes"]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return (), [f"{name}: not UTF-8 (byte {error.start})"]
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [key for key in (*_TEXT, *_NUMBERS) if key not in (rows.fieldnames or ())]
    if missing:
        return (), [f"{name}: line 1: missing columns {', '.join(missing)}"]
    found: list[Commune] = []
    problems: list[str] = []
    lines: dict[str, int] = {}
    try:
        for row in rows:
            where = f"{name}: line {rows.line_num}"
            commune, wrong = _row(row)
            problems += [f"{where}: {problem}" for problem in wrong]
            if commune is None:
                continue
            if commune.code in lines:
                problems.append(f"{where}: code {commune.code} stands in line {lines[commune.code]} already")
            lines.setdefault(commune.code, rows.line_num)
            found.append(commune)
            if len(found) > communes_max or len(problems) > problems_max:
                return tuple(found), [*problems, f"{where}: given up here (at most {communes_max} communes)"]
    except csv.Error as error:
        problems.append(f"{name}: line {rows.line_num}: {error}")
    if not found and not problems:
        problems.append(f"{name}: no communes in it")
    return tuple(found), problems


def _row(row: dict[str, str]) -> tuple[Commune | None, list[str]]:
    wrong = [f"{key}: empty" for key in (*_TEXT, *_NUMBERS) if not (row[key] or "").strip()]
    if None in row:
        wrong.append("more fields than columns")
    numbers: dict[str, float] = {}
    for key in _NUMBERS:
        try:
            numbers[key] = float(row[key] or "nan")
        except ValueError:
            wrong.append(f'{key}: "{row[key]}" is no number')
    if wrong:
        return None, wrong
    commune = Commune(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        area_km2=numbers["area_km2"],
        population=int(numbers["population"]) if numbers["population"] < 1e12 else population_max + 1,
        latitude=numbers["latitude"],
        longitude=numbers["longitude"],
        former_district=row["former_district"],
        zone=row["zone"],
    )
    return commune, _wrong(commune, whole=numbers["population"].is_integer())


def _wrong(commune: Commune, whole: bool) -> list[str]:
    """What cannot be true of one commune."""
    wrong = []
    if len(commune.code) != 5 or not (commune.code.isascii() and commune.code.isdigit()):
        wrong.append(f'code: "{commune.code}" is not 5 digits')
    wrong += [
        f'{key}: "{text}" is not in the composed form (NFC)'
        for key, text in (("name", commune.name), ("former_district", commune.former_district))
        if not unicodedata.is_normalized("NFC", text)
    ]
    if commune.kind not in KINDS:
        wrong.append(f'kind: "{commune.kind}" is not one of {", ".join(KINDS)}')
    if commune.zone not in ZONES:
        wrong.append(f'zone: "{commune.zone}" is not one of {", ".join(ZONES)}')
    if not whole or not 1 <= commune.population <= population_max:
        wrong.append(f"population: must be a whole number from 1 to {population_max}")
    if not 0 < commune.area_km2 < 100_000:
        wrong.append("area_km2: must be above 0 and below 100,000")
    if not (8 <= commune.latitude <= 24 and 102 <= commune.longitude <= 118):
        wrong.append("latitude, longitude: not in Viet Nam")
    return wrong


def _differences(found: Sequence[Commune]) -> list[str]:
    """Where the shipped file departs from the official counts."""
    rural = sum(c.kind == "commune" for c in found)
    wards = sum(c.kind == "ward" for c in found)
    people = sum(c.population for c in found)
    problems = []
    if (rural, wards) != (COMMUNE_COUNT, WARD_COUNT):
        problems.append(f"communes.csv: {rural} communes and {wards} wards, not {COMMUNE_COUNT} and {WARD_COUNT}")
    if people != POPULATION:
        problems.append(f"communes.csv: populations sum to {people}, not {POPULATION}")
    return problems
