"""Official documents (văn bản) as the offices write them: title, content, and to whom. Marked, so that nobody takes one
for a real order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from scenarios import rng
from scenarios.contract import PROVINCE_OFFICE
from scenarios.types import Commune

MARK = "(THỬ NGHIỆM)"
ALL_SHARE = 0.1  # of the province's documents that go to every commune
NEIGHBOURS, NEIGHBOURS_MAX = 5, 3  # how many are near, and how many of them a commune writes to at most

_DOES = ("rà soát", "báo cáo", "chấn chỉnh", "phối hợp triển khai", "đôn đốc thực hiện", "hướng dẫn", "góp ý dự thảo")
_TOPICS = (
    "trang thiết bị đầu cuối tại trung tâm phục vụ hành chính công",
    "việc tiếp nhận và trả kết quả giải quyết thủ tục hành chính",
    "công tác số hóa hồ sơ, kết quả giải quyết thủ tục hành chính",
    "việc sử dụng chứng thư số, chữ ký số chuyên dùng công vụ",
    "đường truyền số liệu chuyên dùng đến cấp xã",
    "công tác phòng, chống thiên tai và tìm kiếm cứu nạn",
    "chi trả trợ cấp xã hội hằng tháng",
    "công tác văn thư, lưu trữ khi vận hành chính quyền địa phương hai cấp",
    "bàn giao hồ sơ, tài liệu của đơn vị hành chính cũ",
    "đăng ký đất đai và cấp giấy chứng nhận quyền sử dụng đất",
)
_GROUNDS = (
    "Thực hiện Kế hoạch vận hành thử nghiệm mô hình chính quyền địa phương hai cấp trên địa bàn tỉnh",
    "Căn cứ kết quả kiểm tra việc chuẩn bị vận hành các hệ thống thông tin dùng chung",
    "Theo đề nghị của Văn phòng Ủy ban nhân dân tỉnh tại cuộc họp giao ban trực tuyến",
    "Để bảo đảm hoạt động thông suốt, không gián đoạn phục vụ người dân và doanh nghiệp",
)
_REQUESTS = (
    "Giao bộ phận chuyên môn rà soát số liệu, lập danh mục những nội dung còn vướng mắc và đề xuất phương án xử lý.",
    "Bố trí cán bộ trực, tiếp nhận phản ánh của người dân; không để hồ sơ quá hạn do lỗi của cơ quan.",
    "Kiểm tra trang thiết bị, đường truyền, tài khoản và chứng thư số của cán bộ, công chức trước giờ làm việc.",
    "Cập nhật đầy đủ, kịp thời kết quả thực hiện lên hệ thống quản lý văn bản và hồ sơ công việc.",
    "Phối hợp với các đơn vị liên quan thống nhất số liệu trước khi tổng hợp, báo cáo.",
    "Tuyên truyền, hướng dẫn người dân thực hiện dịch vụ công trực tuyến tại nơi cư trú.",
)
_CLOSING = "Trong quá trình thực hiện, nếu có khó khăn, vướng mắc, đề nghị phản ánh kịp thời để được hướng dẫn./."


class Document(msgspec.Struct, frozen=True):
    """What somebody drafts."""

    title: str
    content: str
    recipients: tuple[str, ...]  # commune codes, ascending


def document(key: int, recipients: tuple[str, ...]) -> Document:
    """The document of stream `key`: always the same for the same key."""
    topic, ground = rng.pick(key, 0, _TOPICS), rng.pick(key, 1, _GROUNDS)
    title = f"{rng.pick(key, 2, _DOES)} {topic} {MARK}"
    wanted = 2 + rng.below(key, 3, len(_REQUESTS) - 1)
    requests = [_REQUESTS[place] for place in _chosen(rng.stream(key, "requests"), len(_REQUESTS), wanted)]
    days = 3 + rng.below(key, 4, 12)
    lines = (
        f"{ground}, đề nghị các đơn vị thực hiện nghiêm các nội dung về {topic} như sau:",
        *(f"{number}. {request}" for number, request in enumerate(requests, 1)),
        f"{len(requests) + 1}. Báo cáo kết quả trong thời hạn {days} ngày làm việc kể từ ngày nhận được văn bản này.",
        _CLOSING,
    )
    return Document(title, "\n".join(lines), recipients)


def from_province(key: int, communes: Sequence[str]) -> tuple[str, ...]:
    """To whom the province writes: mostly to few (log-uniform), sometimes to all."""
    most = len(communes)
    few = min(most, int(math.exp(rng.uniform(key, 1) * math.log(most + 1))))
    wanted = most if rng.uniform(key, 0) < ALL_SHARE else few
    return tuple(sorted(communes[place] for place in _chosen(rng.stream(key, "communes"), most, wanted)))


def from_commune(key: int, near: Sequence[str]) -> tuple[str, ...]:
    """To whom a commune writes: the province, and one to three of its neighbours."""
    wanted = min(len(near), 1 + rng.below(key, 0, NEIGHBOURS_MAX))
    return (PROVINCE_OFFICE, *sorted(near[place] for place in _chosen(rng.stream(key, "near"), len(near), wanted)))


def neighbours(communes: Sequence[Commune]) -> dict[str, tuple[str, ...]]:
    """For each commune those that are nearest, the nearest first."""
    places = np.array([(one.latitude, one.longitude * 0.94) for one in communes])  # a degree east is shorter at 20° N
    codes = [one.code for one in communes]
    found = {}
    for index, code in enumerate(codes):
        away = np.hypot(*(places - places[index]).T)
        order = np.argsort(away, kind="stable")
        found[code] = tuple(codes[place] for place in order.tolist() if place != index)[:NEIGHBOURS]
    return found


def _chosen(key: int, count: int, wanted: int) -> list[int]:
    """`wanted` different numbers below `count`, ascending."""
    drawn = rng.words(key, np.arange(count, dtype=np.uint64))
    return sorted(np.argsort(drawn, kind="stable")[:wanted].tolist())
