"""What the sites write: notices and articles made from a commune's code and the article's number, always the same.

Vietnamese in the register of such sites. All of it is made up; no person, no office and no event is real.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from scenarios.contract import HANOI_OFFSET_HOURS, PROVINCE_OFFICE, SITE_ARTICLES

HANOI = dt.timezone(dt.timedelta(hours=HANOI_OFFSET_HOURS))
NEWEST = dt.date(2025, 6, 30)  # the day before the two-tier government began
PARAGRAPHS = (7, 12)
SENTENCES_EACH = 4
T = TypeVar("T")


class Head(NamedTuple):
    """An article as lists show it. Number 1 is the oldest."""

    number: int
    section: str
    title: str
    at: dt.datetime

    @property
    def day(self) -> str:
        return self.at.strftime("%d/%m/%Y")


class Article(NamedTuple):
    """One article as its page shows it."""

    head: Head
    lead: str
    paragraphs: tuple[str, ...]


def owner_of(site: str) -> str:
    """The authority whose site this is. Names are the world's; the testbed knows communes by their codes."""
    if site == PROVINCE_OFFICE:
        return "Cổng thông tin điện tử tỉnh (mô phỏng)"
    return f"Trang thông tin điện tử xã, phường mã số {site} (mô phỏng)"


def head(site: str, number: int) -> Head:
    """The article of that number, 1 to SITE_ARTICLES, without its text."""
    draw = _Draw(f"{site}/{number}")
    section, titles = draw.one(SECTIONS)
    when = NEWEST - dt.timedelta(days=3 * (SITE_ARTICLES - number) + draw.number(0, 2))
    at = dt.datetime.combine(when, dt.time(draw.number(7, 16), draw.number(0, 59)), HANOI)
    return Head(number, section, draw.one(titles).format(**_values(site, number)), at)


def article(site: str, number: int) -> Article:
    """The article of that number, 1 to SITE_ARTICLES."""
    draw, values = _Draw(f"{site}/{number}/text"), _values(site, number)
    lead = draw.one(LEADS).format(**values)
    count = draw.number(*PARAGRAPHS)
    sentences = [text.format(**values) for text in draw.several(SENTENCES, count * SENTENCES_EACH)]
    paragraphs = (sentences[at : at + SENTENCES_EACH] for at in range(0, len(sentences), SENTENCES_EACH))
    return Article(head(site, number), lead, tuple(" ".join(each) for each in paragraphs))


def _values(site: str, number: int) -> dict[str, str | int]:
    draw = _Draw(f"{site}/{number}/values")
    return {
        "unit": "Ủy ban nhân dân tỉnh" if site == PROVINCE_OFFICE else "Ủy ban nhân dân xã, phường",
        "n": draw.number(2, 19),
        "share": draw.number(61, 98),
        "people": draw.number(24, 380),
        "month": draw.number(1, 12),
        "quarter": draw.one(("I", "II", "III", "IV")),
        "decision": draw.number(101, 3_998),
        "money": draw.number(12, 940),
    }


class _Draw:
    """Choices that depend on a text only; the same on every machine and in every process."""

    def __init__(self, about: str) -> None:
        self._about = about
        self._count = 0

    def number(self, low: int, high: int) -> int:
        """From low to high, both included."""
        self._count += 1
        word = hashlib.blake2b(f"{self._about}/{self._count}".encode(), digest_size=8).digest()
        return low + int.from_bytes(word) * (high - low + 1) // 2**64

    def one(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def several(self, items: Sequence[T], count: int) -> list[T]:
        """So many, each neighbour another one."""
        at = self.number(0, len(items) - 1)
        found = []
        for _ in range(count):
            at = (at + self.number(1, len(items) - 1)) % len(items)
            found.append(items[at])
        return found


NOTICES = "Thông báo"
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (NOTICES, (
        "Thông báo thời gian làm việc của Trung tâm Phục vụ hành chính công",
        "Thông báo lịch tiếp công dân tháng {month} của Chủ tịch {unit}",
        "Thông báo về việc tiếp nhận hồ sơ chứng thực vào sáng thứ Bảy",
        "Thông báo niêm yết công khai kết quả kiểm tra hồ sơ đăng ký đất đai đợt {n}",
        "Thông báo lịch tiêm phòng cho đàn gia súc, gia cầm đợt {n}",
        "Thông báo tạm ngừng cấp nước sinh hoạt để bảo dưỡng tuyến ống",
    )),
    ("Cải cách hành chính", (
        "Công khai danh mục thủ tục hành chính thuộc thẩm quyền giải quyết theo Quyết định số {decision}",
        "{share} % hồ sơ được tiếp nhận trực tuyến trong quý {quarter}",
        "Hướng dẫn nộp hồ sơ trực tuyến và thanh toán phí, lệ phí qua Cổng Dịch vụ công",
        "Niêm yết quy trình giải quyết thủ tục hành chính theo cơ chế một cửa, một cửa liên thông",
    )),
    ("Chuyển đổi số", (
        "Tổ công nghệ số cộng đồng hỗ trợ {people} người dân cài đặt định danh điện tử mức độ 2",
        "Tập huấn kỹ năng số cho cán bộ, công chức và tổ công nghệ số cộng đồng",
        "Đưa vào vận hành hệ thống quản lý văn bản và điều hành theo mô hình chính quyền hai cấp",
    )),
    ("Kinh tế – Xã hội", (
        "Hội nghị sơ kết tình hình phát triển kinh tế – xã hội quý {quarter}",
        "Giải ngân {money} triệu đồng vốn vay ưu đãi cho {people} hộ gia đình",
        "Ra mắt mô hình vườn mẫu gắn với xây dựng nông thôn mới nâng cao",
        "Triển khai kế hoạch phòng, chống thiên tai và tìm kiếm cứu nạn năm 2025",
    )),
    ("Văn hóa – Giáo dục", (
        "Khai mạc giải thể thao chào mừng ngày thành lập đơn vị hành chính mới",
        "Tuyên dương {people} học sinh đạt thành tích cao trong năm học",
        "Khôi phục nghề truyền thống gắn với du lịch cộng đồng",
    )),
    ("Quốc phòng – An ninh", (
        "Ra quân bảo đảm trật tự an toàn giao thông, trật tự đô thị đợt {n}",
        "Tuyên truyền phòng, chống lừa đảo trên không gian mạng tới {people} hộ dân",
    )),
)  # fmt: skip
LEADS = (
    "Sáng nay, {unit} tổ chức hội nghị triển khai nhiệm vụ; dự hội nghị có {people} đại biểu các phòng chuyên môn.",
    "Thực hiện Quyết định số {decision}/QĐ-UBND, {unit} thông báo tới tổ chức, cá nhân nội dung cụ thể như sau.",
    "Nhằm phục vụ người dân thuận tiện khi vận hành chính quyền hai cấp, {unit} chỉ đạo một số nội dung trọng tâm.",
    "Tính đến hết quý {quarter}, tỷ lệ hồ sơ giải quyết trước hạn và đúng hạn đạt {share} %, tăng so với cùng kỳ.",
)
SENTENCES = (
    "Trong tháng {month} đơn vị đã tiếp nhận và giải quyết {people} hồ sơ, trong đó {share} % được nộp trực tuyến.",
    "Cán bộ, công chức bộ phận tiếp nhận và trả kết quả hướng dẫn người dân ngay tại quầy, không để hồ sơ tồn đọng.",
    "Người dân có thể tra cứu tình trạng hồ sơ bằng mã ghi trên giấy tiếp nhận và hẹn trả kết quả.",
    "Các tổ công nghệ số cộng đồng đến từng thôn, bản, khu phố để hỗ trợ cài đặt tài khoản định danh điện tử.",
    "{unit} yêu cầu các bộ phận chuyên môn niêm yết công khai thủ tục hành chính, phí và lệ phí theo quy định.",
    "Việc luân chuyển văn bản giữa các cấp được thực hiện hoàn toàn trên môi trường mạng, có ký số theo quy định.",
    "Đại biểu đã thảo luận, làm rõ những khó khăn về đường truyền, trang thiết bị và nhân lực tại cơ sở.",
    "Kinh phí thực hiện là {money} triệu đồng, bảo đảm từ nguồn ngân sách địa phương và các nguồn hợp pháp khác.",
    "Lãnh đạo đơn vị đề nghị mỗi cán bộ nêu cao tinh thần trách nhiệm, lấy sự hài lòng của người dân làm thước đo.",
    "Thời gian làm việc: buổi sáng từ 07 giờ 00 đến 11 giờ 30, buổi chiều từ 13 giờ 30 đến 17 giờ 00.",
    "Mọi phản ánh, kiến nghị xin gửi về bộ phận văn phòng hoặc qua chuyên mục hỏi đáp của trang thông tin điện tử.",
    "Trong đợt này, {people} hộ gia đình được hướng dẫn kê khai, trong đó có {n} hộ thuộc diện chính sách.",
    "Đối với hồ sơ quá hạn, bộ phận giải quyết phải gửi thư xin lỗi, nêu rõ lý do và thời gian trả kết quả.",
    "Kết quả giải quyết được trả tại quầy, qua dịch vụ bưu chính công ích hoặc bản điện tử có ký số.",
    "Các thôn, bản, khu phố họp dân, thông tin về trụ sở, số điện thoại và thời gian tiếp nhận của đơn vị mới.",
    "Quyết định có hiệu lực kể từ ngày ký; các quy định trước đây trái với quyết định này đều bị bãi bỏ.",
    "Đoàn thanh niên cử {n} đoàn viên trực hỗ trợ người cao tuổi, người khuyết tật trong những ngày đầu vận hành.",
    "Dịp này, đơn vị khen thưởng {n} tập thể và {people} cá nhân có thành tích tiêu biểu.",
    "Ban chỉ đạo giao ban hằng tuần, kịp thời tháo gỡ vướng mắc và báo cáo cấp có thẩm quyền.",
    "Việc sắp xếp đơn vị hành chính không làm thay đổi giá trị pháp lý của giấy tờ đã được cấp cho người dân.",
)
