"""The messages of national synchronisation as they travel: published field names, every value a text.

`DongBoHoSoMC` tells of a new dossier, `CapNhatTienDoHoSoMC` of a step. Times are yyyyMMddHHmmss in Viet Nam. What the
receiver needs to take each item once and in order (its key, its turn) is not among the published fields and stands in
two headers, items in the order of `data`.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from testbed.store import HANOI

PATH = "/national/sync"
KEYS_HEADER = "Message-Keys"
TURNS_HEADER = "Message-Turns"
CREATION = "DongBoHoSoMC"
PROGRESS = "CapNhatTienDoHoSoMC"
PROVINCE = "H56"
GOOD = ("00", "0")

_CREATION_NAMES = {
    "dossier": "MaHoSo", "procedure": "MaTTHC", "procedure_name": "TenTTHC", "channel": "KenhThucHien",
    "applicant": "ChuHoSo", "applicant_kind": "LoaiDoiTuong", "submitted": "NgayNopHoSo", "received": "NgayTiepNhan",
    "due": "NgayHenTra", "state": "TrangThaiHoSo", "returned": "NgayTra", "finished": "NgayKetThucXuLy",
    "unit": "DonViXuLy", "submitted_at": "NoiNopHoSo", "papers": "TaiLieuNop", "fees": "DanhSachLePhi",
    "supplements": "DanhSachHoSoBoSung", "results": "DanhSachGiayToKetQua",
}  # fmt: skip
_PROGRESS_NAMES = {
    "dossier": "MaHoSo", "officer": "NguoiXuLy", "role": "ChucDanh", "at": "ThoiDiemXuLy", "unit": "PhongBanXuLy",
    "note": "NoiDungXuLy", "state": "TrangThai", "began": "NgayBatDau", "due": "NgayKetThucTheoQuyDinh",
}  # fmt: skip


class Creation(msgspec.Struct, frozen=True, rename=_CREATION_NAMES):
    """A dossier that is new to the receiver. `channel`: 1 at the counter, 2 online. Times that are not known are ""."""

    dossier: str
    procedure: str
    procedure_name: str
    channel: str
    applicant: str
    submitted: str
    received: str
    due: str
    state: str
    unit: str
    submitted_at: str
    applicant_kind: str = "1"  # a citizen
    returned: str = ""
    finished: str = ""
    papers: list[str] = []
    fees: list[str] = []
    supplements: list[str] = []
    results: list[str] = []


class Progress(msgspec.Struct, frozen=True, rename=_PROGRESS_NAMES):
    """One step of a dossier."""

    dossier: str
    officer: str
    role: str
    at: str
    unit: str
    note: str
    state: str
    began: str
    due: str = ""


class Message(msgspec.Struct, frozen=True, rename={"unit": "madonvi", "updating": "isUpdating"}):
    """Items of one service, as they were written down."""

    service: str
    unit: str
    updating: str  # "True" or "False"
    data: list[msgspec.Raw]


class Answer(msgspec.Struct, frozen=True):
    """What the receiver says of the whole message."""

    error_code: str
    message: str = ""
    result: str = ""


def time_text(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, HANOI).strftime("%Y%m%d%H%M%S")
