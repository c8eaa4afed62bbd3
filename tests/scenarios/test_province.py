from __future__ import annotations

import sqlite3
import unicodedata
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.province import COMMUNE_COUNT, POPULATION, WARD_COUNT, communes, find, fold, load, spelling
from scenarios.types import ConfigError

HEADER = "code,name,kind,area_km2,population,latitude,longitude,former_district,zone\n"
ROW = "14758,Phường Hàm Rồng,ward,20.88,63166,19.8431,105.774,Thanh Hóa,plain\n"


def csv_file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "province.csv"
    path.write_text(header + "".join(rows), "utf-8")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems


def test_the_shipped_file_has_the_official_counts() -> None:
    found = communes()
    kinds = [commune.kind for commune in found]
    assert (kinds.count("commune"), kinds.count("ward")) == (COMMUNE_COUNT, WARD_COUNT) == (147, 19)
    assert sum(commune.population for commune in found) == POPULATION == 4_324_783
    assert sum(commune.area_km2 for commune in found) == pytest.approx(11_114.86, abs=0.05)
    assert min(commune.population for commune in found) == 2_991
    assert len({commune.code for commune in found}) == len({fold(commune.name) for commune in found}) == 166


def test_every_name_is_composed_and_says_its_kind() -> None:
    for commune in communes():
        assert unicodedata.is_normalized("NFC", commune.name)
        assert commune.name.startswith({"commune": "Xã ", "ward": "Phường "}[commune.kind])


def test_codes_and_names_agree_with_an_independent_list() -> None:
    database = resources.files("vietnamadminunits") / "data" / "dataset.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT DISTINCT wardCode, ward FROM admin_units WHERE provinceCode = '38'"
        ).fetchall()
    theirs = {str(code): spelling(name) for code, name in rows}
    assert theirs == {commune.code: spelling(commune.name) for commune in communes()}


def test_the_place_of_the_tone_mark_does_not_matter_but_the_tone_does() -> None:
    assert spelling("Định Hòa") == spelling("Định Hoà")
    assert spelling("Sơn Thủy") == spelling("Sơn Thuỷ")
    assert spelling("Hòa") != spelling("Hoa") != spelling("Hỏa")
    assert spelling("Nga An") != spelling("Ngà Ân")
    assert fold("Phường Đông Tiến") == fold("PHUONG  dong tiến") == "phuong dong tien"


@given(st.sampled_from(communes()), st.sampled_from(["NFC", "NFD"]))
def test_a_commune_is_found_by_code_name_and_hurried_spelling(commune, form) -> None:
    texts = [commune.code, commune.name, commune.name.upper(), fold(commune.name), commune.name.split(" ", 1)[1]]
    for text in texts:
        assert find(unicodedata.normalize(form, text), communes()) == commune


def test_an_unknown_commune_is_answered_with_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="14797 Phường Hạc Thành"):
        find("Hạc Than", communes())


def test_a_file_of_another_province_is_taken_without_the_sums_of_thanh_hoa(tmp_path: Path) -> None:
    (only,) = load(csv_file(tmp_path, ROW))
    assert (only.code, only.population) == ("14758", 63_166)


def test_all_problems_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        ROW,
        ROW,
        "1475,Phường Hàm Rồng,quarter,20.88,0,19.8431,105.774,Thanh Hóa,hills\n",
        "14759," + unicodedata.normalize("NFD", "Xã Mường") + ",commune,-1,5,50,105.774,Thanh Hóa,plain\n",
        "14760,,commune,x,5,19,105.774,Thanh Hóa,plain\n",
    )
    text = "\n".join(found := problems(path))
    assert "line 3: code 14758 stands in line 2 already" in text
    for word in ("line 4: code", "line 4: kind", "line 4: zone", "line 4: population", "line 5: name"):
        assert word in text
    for word in ("line 5: area_km2", "line 5: latitude", "line 6: name: empty", "line 6: area_km2"):
        assert word in text
    assert all(str(path) in problem for problem in found)


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        ("code,name\n", "1,2\n", "missing columns"),
        (HEADER, "", "no communes"),
        (HEADER, '"unfinished', "unexpected end of data"),
        (HEADER, ROW.strip() + ",more\n", "more fields"),
    ],
)
def test_a_broken_file_is_a_clear_error(tmp_path: Path, header: str, rows: str, says: str) -> None:
    assert says in "\n".join(problems(csv_file(tmp_path, rows, header=header)))


def test_a_missing_or_binary_file_is_a_clear_error(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "none.csv")[0]
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in problems(tmp_path / "binary.csv")[0]
