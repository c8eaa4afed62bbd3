"""What stands in the form of each procedure: names, dates and places that agree with the applicant's household.

Keys are field names as electronic forms of the portal use them; values are text. Where no suitable person lives in the
household the form names a relative made up in kin.py (CCCD with a province code that nobody has); each maker says whom.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from scenarios.kin import (
    AS_OF,
    Case,
    Person,
    age,
    couple,
    elders,
    family_name,
    minors,
    newborn,
    outsider,
    person,
    unmarried,
    years_before,
)
from scenarios.types import Citizen

Form = dict[str, str]

MOTHER_YEARS = (16, 49)  # her age when the child was born
NEWBORN_MOTHER_YEARS_MAX = 45
SMALL_CHILD_YEARS = 6
OLD_AGE = 75
PAPERS = (
    "Bằng tốt nghiệp trung học phổ thông", "Giấy chứng nhận quyền sử dụng đất", "Căn cước công dân", "Học bạ",
    "Giấy khai sinh", "Bằng đại học", "Giấy phép lái xe", "Giấy chứng nhận kết hôn", "Sơ yếu lý lịch",
)  # fmt: skip
PURPOSES = (
    "Nộp hồ sơ xin việc", "Nhập học", "Vay vốn ngân hàng", "Bổ túc hồ sơ cá nhân", "Đi lao động nước ngoài",
    "Làm thủ tục bảo hiểm", "Mua bán nhà đất",
)  # fmt: skip
TRADES = (
    "Bán lẻ hàng tạp hóa", "Dịch vụ ăn uống", "Sửa chữa xe máy", "Cắt tóc, gội đầu", "Bán lẻ vật liệu xây dựng",
    "Chế biến hải sản", "May mặc", "Vận tải hàng hóa", "Xay xát lúa gạo", "Nuôi trồng thủy sản",
)  # fmt: skip
CAUSES = ("Tuổi già", "Bệnh tim mạch", "Ung thư", "Tai nạn giao thông", "Đột quỵ")


def date_text(day: dt.date) -> str:
    return f"{day.day:02d}/{day.month:02d}/{day.year}"


def birth(case: Case) -> Form:
    """The child and both parents of the household.

    The youngest child under 6 of head and spouse, else a newborn of theirs with the father's family name. A household
    without such a couple: a newborn of its youngest woman of 18–45 with her family name and no father. Without one: the
    applicant registers the newborn of a relative who lives elsewhere.
    """
    father, mother, child = _family_of_child(case)
    form = _one("con", child) | {"noi_sinh": case.pick("birth/place", ("Trạm y tế xã", "Bệnh viện đa khoa khu vực"))}
    form |= {"dan_toc_con": case.applicant.ethnicity, "que_quan_con": case.applicant.address}
    form |= _one("me", mother)
    form |= _one("cha", father) if father else {"ho_ten_cha": "", "cccd_cha": "", "ngay_sinh_cha": ""}
    parents = {mother.cccd: "Mẹ"} | ({father.cccd: "Cha"} if father else {})
    return form | {"quan_he": parents.get(case.applicant.cccd, "Người thân thích"), "so_ban_sao": _copies(case)}


def marriage(case: Case) -> Form:
    """Two unmarried adults: the applicant or another of the household, and somebody of another household.

    A household without an unmarried adult: the applicant hands in for a relative of the same family name.
    """
    candidates = unmarried(case.household)
    mine = [member for member in candidates if member.number == case.applicant.number]
    chosen = (mine or candidates)[:1]
    recent = (years_before(AS_OF, 35), years_before(AS_OF, 22))
    if chosen:
        one = person(chosen[0])
    else:
        family = family_name(case.applicant.name)
        one = outsider(case, "marriage/one", male=True, first=recent[0], last=recent[1], family=family)
    youngest = years_before(AS_OF, 19 if one.male else 21)
    born = min(one.born, youngest)
    first, last = years_before(born, 4), min(years_before(born, -4), youngest)
    other = outsider(case, "marriage/other", male=not one.male, first=first, last=last)
    husband, wife = (one, other) if one.male else (other, one)
    return {**_one("chong", husband), **_one("vo", wife), "lan_ket_hon": "Lần thứ nhất", "so_ban_sao": _copies(case)}


def marital_status(case: Case) -> Form:
    """The applicant's own status as the household shows it."""
    pair = couple(case.household)
    married = pair is not None and case.applicant.number in {member.number for member in pair}
    status = "Đang có vợ/chồng" if married else "Chưa đăng ký kết hôn với ai"
    return {**_one("nguoi_xac_nhan", person(case.applicant)), "tinh_trang": status, "muc_dich": _purpose(case)}


def death(case: Case) -> Form:
    """A parent of 60 or more in the household, else the applicant's father, made up, of the same family name."""
    dead = _deceased(case)
    day = case.date("death/day", AS_OF - dt.timedelta(days=15), AS_OF - dt.timedelta(days=1))
    return {
        **_one("nguoi_chet", dead),
        "ngay_chet": date_text(day),
        "noi_chet": case.applicant.address,
        "nguyen_nhan": case.pick("death/cause", CAUSES if age(dead.born, day) >= OLD_AGE else CAUSES[1:]),
        "quan_he": "Người thân thích",
    }


def funeral(case: Case) -> Form:
    """As `death`, with who buried."""
    return {**death(case), "nguoi_mai_tang": case.applicant.name}


def extract(case: Case) -> Form:
    """A copy from the register: a member's birth, or the marriage of head and spouse."""
    member = case.pick("extract/member", case.household)
    pair = couple(case.household)
    kind, year = "Khai sinh", member.born.year
    if pair and member in pair and case.below("extract/kind", 2):
        grown = max(one.born.year for one in pair) + 20
        kind, year = "Kết hôn", min(grown + case.below("extract/year", 8), AS_OF.year)
    form = _one("nguoi_duoc_cap", person(member))
    return form | {"loai_trich_luc": kind, "nam_dang_ky": str(year), "so_ban_sao": _copies(case)}


def correction(case: Case) -> Form:
    """The register has the day of birth of a member of the household a little wrong."""
    member = case.pick("correction/member", case.household)
    wrong = member.born - dt.timedelta(days=1 + case.below("correction/days", 300))
    return {
        **_one("nguoi_cai_chinh", person(member)),
        "noi_dung": "Ngày, tháng, năm sinh",
        "gia_tri_cu": date_text(wrong),
        "gia_tri_moi": date_text(member.born),
    }


def guardianship(case: Case) -> Form:
    """The applicant becomes guardian of the youngest minor of the household who is not the applicant's own child.

    Otherwise of a nephew or niece of the same family name, made up.
    """
    others = [member for member in minors(case.household) if member.role != "child"]
    if others:
        ward = person(others[0])
    else:
        first, last = years_before(AS_OF, 14), years_before(AS_OF, 3)
        family = family_name(case.applicant.name)
        male = case.below("guardian/sex", 2) == 0
        ward = outsider(case, "guardian/ward", male=male, first=first, last=last, family=family)
    return {**_one("nguoi_duoc_giam_ho", ward), **_one("nguoi_giam_ho", person(case.applicant)), "hinh_thuc": "Cử"}


def copies(case: Case) -> Form:
    """Certified copies of the applicant's papers."""
    return {"giay_to": case.pick("copies/paper", PAPERS), "so_ban_sao": _copies(case), "muc_dich": _purpose(case)}


def business(case: Case) -> Form:
    """A household business of the applicant at the applicant's address."""
    trade = case.pick("business/trade", TRADES)
    given = case.applicant.name.rsplit(" ", 1)[-1]
    return {
        "ten_ho_kinh_doanh": f"Hộ kinh doanh {given} {case.pick('business/suffix', ('Phát', 'Hưng', 'Thịnh', 'An'))}",
        "nganh_nghe": trade,
        "von_kinh_doanh": str((10 + case.below("business/capital", 490)) * 1_000_000),
        "so_lao_dong": str(1 + case.below("business/workers", 9)),
        "dia_chi_kinh_doanh": case.applicant.address,
        **_one("chu_ho_kinh_doanh", person(case.applicant)),
    }


def allowance(case: Case) -> Form:
    """For the oldest member of 75 or more, else for the applicant."""
    old = elders(case.household, 75)
    who = old[0] if old else case.applicant
    group = "Người từ đủ 75 tuổi trở lên" if old else "Người khuyết tật nặng"
    return {**_one("doi_tuong", person(who)), "nhom": group}


def disability(case: Case) -> Form:
    """The applicant, or another member of the household for whom the applicant asks."""
    who = case.pick("disability/member", (case.applicant, *case.household))
    kind = case.pick("disability/kind", ("Vận động", "Nghe, nói", "Nhìn", "Trí tuệ", "Thần kinh, tâm thần"))
    return {**_one("nguoi_khuyet_tat", person(who)), "dang_khuyet_tat": kind}


def poor_household(case: Case) -> Form:
    """The household with its size and the youngest and oldest age."""
    ages = sorted(age(member.born) for member in case.household)
    return {
        "chu_ho": _head(case).name,
        "so_nhan_khau": str(len(case.household)),
        "tuoi_nho_nhat": str(ages[0]),
        "tuoi_lon_nhat": str(ages[-1]),
        "thu_nhap_binh_quan": str((3 + case.below("poor/income", 15)) * 100_000),
    }


def land(case: Case) -> Form:
    """A plot at the applicant's address."""
    return {
        "to_ban_do": str(1 + case.below("land/sheet", 90)),
        "thua_dat": str(1 + case.below("land/plot", 900)),
        "dien_tich_m2": str(60 + case.below("land/area", 940)),
        "dia_chi_thua_dat": case.applicant.address,
        "muc_dich_su_dung": case.pick("land/use", ("Đất ở tại nông thôn", "Đất trồng lúa", "Đất trồng cây lâu năm")),
        **_one("nguoi_su_dung_dat", person(case.applicant)),
    }


def construction(case: Case) -> Form:
    """A house on the applicant's plot that is no larger than the plot."""
    plot = land(case)
    ground = int(plot["dien_tich_m2"]) * (30 + case.below("build/share", 50)) // 100
    storeys = 1 + case.below("build/storeys", 4)
    return {**plot, "dien_tich_xay_dung_m2": str(ground), "so_tang": str(storeys), "tong_san_m2": str(ground * storeys)}


def other(case: Case) -> Form:
    return {"noi_dung": case.procedure.name, "muc_dich": _purpose(case)}


MAKERS: dict[str, Callable[[Case], Form]] = {
    "1.001193": birth,
    "2.000986": birth,
    "2.000635": extract,
    "1.000894": marriage,
    "1.004873": marital_status,
    "1.000656": death,
    "1.004859": correction,
    "1.004837": guardianship,
    "1.001776": allowance,
    "1.001699": disability,
    "1.001731": funeral,
    "1.011607": poor_household,
}
MAKERS_OF_FIELD: dict[str, Callable[[Case], Form]] = {
    "certification": copies,
    "civil-status": extract,
    "land": land,
    "business": business,
    "welfare": allowance,
    "construction": construction,
    "other": other,
}


def _family_of_child(case: Case) -> tuple[Person | None, Person, Person]:
    """Father (or None), mother and child of a birth registration."""
    pair = couple(case.household)
    if pair:
        father, mother = pair
        for child in minors(case.household):
            if child.role == "child" and age(child.born) < SMALL_CHILD_YEARS and _could_bear(mother, child.born):
                return person(father), person(mother), person(child)
        if age(mother.born) <= NEWBORN_MOTHER_YEARS_MAX and _could_bear(mother, AS_OF):
            return person(father), person(mother), newborn(case, family_name(father.name))
    women = [
        m for m in case.household if not m.male and m.role != "spouse" and 18 <= age(m.born) <= NEWBORN_MOTHER_YEARS_MAX
    ]
    if women and not pair:
        young = max(women, key=lambda m: (m.born, m.number))
        return None, person(young), newborn(case, family_name(young.name))
    first, last = years_before(AS_OF, 38), years_before(AS_OF, 20)
    mother_elsewhere = outsider(case, "birth/mother", male=False, first=first, last=last)
    family = family_name(case.applicant.name)
    father_elsewhere = outsider(case, "birth/father", male=True, first=first, last=last, family=family)
    return father_elsewhere, mother_elsewhere, newborn(case, family)


def _could_bear(mother: Citizen, born: dt.date) -> bool:
    return MOTHER_YEARS[0] <= age(mother.born, born) <= MOTHER_YEARS[1]


def _deceased(case: Case) -> Person:
    parents = [m for m in elders(case.household, 60) if m.role == "parent" and m.number != case.applicant.number]
    if parents:
        return person(parents[0])
    first = max(years_before(case.applicant.born, 38), dt.date(1900, 1, 1))
    last = max(years_before(case.applicant.born, 20), first)
    family = family_name(case.applicant.name)
    return outsider(case, "death/father", male=True, first=first, last=last, family=family)


def _head(case: Case) -> Citizen:
    return next((member for member in case.household if member.role == "head"), case.applicant)


def _one(role: str, who: Person) -> Form:
    return {
        f"ho_ten_{role}": who.name,
        f"cccd_{role}": who.cccd,
        f"ngay_sinh_{role}": date_text(who.born),
        f"gioi_tinh_{role}": "Nam" if who.male else "Nữ",
    }


def _copies(case: Case) -> str:
    return str(1 + case.below("copies", 5))


def _purpose(case: Case) -> str:
    return case.pick("purpose", PURPOSES)
