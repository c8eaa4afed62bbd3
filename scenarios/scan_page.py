"""One page of paper as a scanner sees it: a Vietnamese form, filled in by hand, aged. A4 at 200 dpi, RGB.

Decree 30/2020 asks digitised copies for colour and at least 200 dpi. "THỬ NGHIỆM" stands across every page: nobody
shall take one for a real paper.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from scenarios import rng
from scenarios.kin import BOYS, FAMILIES, GIRLS, MEN, WOMEN

DPI = 200
WIDTH, HEIGHT = 1654, 2339
MARK = "THỬ NGHIỆM"
PAPER, BLACK, BLUE, RED = (250, 248, 242), (35, 35, 40), (32, 52, 140), (196, 40, 36)
ROTATION_DEGREES_MAX = 0.9
_LEFT, _RIGHT = 200, 1520


@dataclass(frozen=True)
class Template:
    """A kind of paper: file name, title and the labels of its lines."""

    slug: str
    title: str
    subtitle: str
    lines: tuple[str, ...]
    table: tuple[str, ...] = ()


TEMPLATES: tuple[Template, ...] = (
    Template(
        "to-khai-khai-sinh", "TỜ KHAI ĐĂNG KÝ KHAI SINH", "Kính gửi: Ủy ban nhân dân xã",
        (
            "Họ, chữ đệm, tên người yêu cầu", "Nơi cư trú", "Giấy tờ tùy thân", "Quan hệ với người được khai sinh",
            "Họ, chữ đệm, tên người được khai sinh", "Ngày, tháng, năm sinh", "Giới tính, dân tộc, quốc tịch",
            "Nơi sinh", "Quê quán", "Họ, chữ đệm, tên người mẹ", "Năm sinh, dân tộc, quốc tịch", "Nơi cư trú của mẹ",
            "Họ, chữ đệm, tên người cha", "Năm sinh, dân tộc, quốc tịch", "Nơi cư trú của cha",
        ),
    ),
    Template(
        "giay-chung-sinh", "GIẤY CHỨNG SINH", "Trạm y tế – Quyển số 02",
        (
            "Họ và tên mẹ", "Năm sinh", "Nơi đăng ký thường trú", "Mã số bảo hiểm xã hội", "Dân tộc",
            "Đã sinh con vào lúc", "Tại", "Số con trong lần sinh này", "Giới tính của con", "Cân nặng",
            "Dự định đặt tên con", "Người đỡ đẻ",
        ),
    ),
    Template(
        "de-nghi-ho-kinh-doanh", "GIẤY ĐỀ NGHỊ ĐĂNG KÝ HỘ KINH DOANH", "Kính gửi: Phòng Kinh tế",
        (
            "Họ và tên chủ hộ", "Ngày sinh", "Số định danh cá nhân", "Tên hộ kinh doanh", "Trụ sở", "Điện thoại",
            "Vốn kinh doanh", "Số lao động",
        ),
        ("STT", "Tên ngành", "Mã ngành"),
    ),
    Template(
        "xac-nhan-cu-tru", "GIẤY XÁC NHẬN THÔNG TIN VỀ CƯ TRÚ", "Theo yêu cầu của công dân",
        ("Họ, chữ đệm và tên", "Ngày, tháng, năm sinh", "Giới tính", "Số định danh cá nhân", "Nơi thường trú",
         "Nơi ở hiện tại", "Họ và tên chủ hộ", "Quan hệ với chủ hộ"),
        ("Họ và tên", "Ngày sinh", "Quan hệ"),
    ),
    Template(
        "don-dat-dai", "ĐƠN ĐĂNG KÝ BIẾN ĐỘNG ĐẤT ĐAI", "Mẫu dùng để thử nghiệm hệ thống",
        (
            "Người sử dụng đất", "Địa chỉ", "Số thửa, tờ bản đồ", "Diện tích", "Mục đích sử dụng", "Nguồn gốc",
            "Nội dung biến động", "Lý do biến động", "Giấy tờ nộp kèm theo",
        ),
        ("Thửa số", "Diện tích (m²)", "Ghi chú"),
    ),
    Template(
        "to-khai-tro-giup", "TỜ KHAI ĐỀ NGHỊ TRỢ GIÚP XÃ HỘI", "Kính gửi: Ủy ban nhân dân xã",
        (
            "Họ và tên", "Ngày, tháng, năm sinh", "Giới tính, dân tộc", "Nơi thường trú", "Nơi ở hiện nay",
            "Tình trạng đi học", "Tình trạng sức khỏe", "Thẻ bảo hiểm y tế", "Trợ cấp đang hưởng",
            "Hộ nghèo, cận nghèo", "Tình trạng hôn nhân", "Khả năng tự phục vụ", "Người chăm sóc",
        ),
    ),
)  # fmt: skip


# The first word found in a label says what is written behind it.
_KINDS = (
    ("quan hệ", ""), ("giới tính", ""), ("trong lần sinh", ""), ("lao động", ""), ("vốn", "number"), ("ngày", "day"),
    ("năm sinh", "day"), ("vào lúc", "day"), ("số", "number"), ("giấy tờ tùy thân", "number"), ("thẻ", "number"),
    ("điện thoại", "number"), ("nơi", "place"), ("quê quán", "place"), ("địa chỉ", "place"), ("trụ sở", "place"),
    ("tại", "place"), ("tên", "name"), ("người", "name"),
)  # fmt: skip


def scan(key: int, page: int) -> Image.Image:
    """Page number `page` of the library of stream `key`; pages take the templates in turn."""
    draw_key = rng.stream(key, f"page/{page}")
    return _age(_paper(TEMPLATES[page % len(TEMPLATES)], draw_key), draw_key)


def font_folder() -> Path:
    """The DejaVu fonts that come with matplotlib have every Vietnamese letter; no system font is needed."""
    found = importlib.util.find_spec("matplotlib")
    assert found is not None, "matplotlib is a dependency"
    assert found.origin is not None
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


@lru_cache(maxsize=32)
def _font(size: int, style: str = "Serif") -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_folder() / f"DejaVu{style}.ttf", size, layout_engine=ImageFont.Layout.BASIC)


def _paper(template: Template, key: int) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    _head(draw)
    draw.text((860, 400), template.title, BLACK, _font(38, "Serif-Bold"), anchor="mm")
    draw.text((860, 458), template.subtitle, BLACK, _font(27, "Serif-Italic"), anchor="mm")
    y = 550
    for number, label in enumerate(template.lines):
        _line(draw, y, label, _ink_text(key, number, label))
        y += 70
    if template.table:
        y = _table(draw, key, y + 30, template.table)
    _foot(draw, key, y + 60)
    image.paste(_mark(), (150, 860), _mark())
    return image


def _head(draw: ImageDraw.ImageDraw) -> None:
    draw.text((420, 150), "ỦY BAN NHÂN DÂN", BLACK, _font(27), anchor="mm")
    draw.text((420, 192), "XÃ THỬ NGHIỆM", BLACK, _font(27, "Serif-Bold"), anchor="mm")
    draw.line((350, 218, 490, 218), BLACK, 2)
    draw.text((1130, 150), "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", BLACK, _font(25, "Serif-Bold"), anchor="mm")
    draw.text((1130, 192), "Độc lập – Tự do – Hạnh phúc", BLACK, _font(27, "Serif-Bold"), anchor="mm")
    draw.line((920, 218, 1340, 218), BLACK, 2)
    draw.text((1180, 280), "Thanh Hóa, ngày 01 tháng 7 năm 2025", BLACK, _font(25, "Serif-Italic"), anchor="mm")


def _line(draw: ImageDraw.ImageDraw, y: int, label: str, ink: str) -> None:
    draw.text((_LEFT, y), f"{label}:", BLACK, _font(27), anchor="ls")
    start = _LEFT + int(draw.textlength(f"{label}: ", _font(27)))
    for x in range(start, _RIGHT, 11):
        draw.ellipse((x, y, x + 2, y + 2), BLACK)
    draw.text((start + 16, y - 3), ink, BLUE, _font(31, "Serif-Italic"), anchor="ls")


def _table(draw: ImageDraw.ImageDraw, key: int, y: int, columns: tuple[str, ...]) -> int:
    step = (_RIGHT - _LEFT) // len(columns)
    for row in range(5):
        draw.line((_LEFT, y + row * 62, _LEFT + step * len(columns), y + row * 62), BLACK, 2)
    for number, column in enumerate(columns):
        x = _LEFT + number * step
        draw.line((x, y, x, y + 4 * 62), BLACK, 2)
        draw.text((x + step // 2, y + 31), column, BLACK, _font(25, "Serif-Bold"), anchor="mm")
        for row in (1, 2):
            ink = str(1 + rng.below(key, 500 + number * 10 + row, 990)) if number else str(row)
            draw.text((x + step // 2, y + row * 62 + 31), ink, BLUE, _font(29, "Serif-Italic"), anchor="mm")
    draw.line((_LEFT + step * len(columns), y, _LEFT + step * len(columns), y + 4 * 62), BLACK, 2)
    return y + 4 * 62


def _foot(draw: ImageDraw.ImageDraw, key: int, y: int) -> None:
    draw.text((_LEFT, y), "Tôi cam đoan những nội dung khai trên đây là đúng sự thật.", BLACK, _font(27), anchor="ls")
    draw.text((480, y + 80), "XÁC NHẬN CỦA ỦY BAN NHÂN DÂN", BLACK, _font(25, "Serif-Bold"), anchor="mm")
    draw.text((1230, y + 80), "NGƯỜI YÊU CẦU", BLACK, _font(25, "Serif-Bold"), anchor="mm")
    draw.text((1230, y + 118), "(Ký, ghi rõ họ tên)", BLACK, _font(23, "Serif-Italic"), anchor="mm")
    points = [(1080 + 24 * step, y + 200 + rng.below(key, 900 + step, 70) - 35) for step in range(13)]
    draw.line(points, BLUE, 4, joint="curve")
    draw.text((1230, y + 300), _name(key, 990), BLUE, _font(29, "Serif-Italic"), anchor="mm")
    x, middle = 480, y + 210
    draw.ellipse((x - 105, middle - 105, x + 105, middle + 105), outline=RED, width=6)
    draw.ellipse((x - 78, middle - 78, x + 78, middle + 78), outline=RED, width=3)
    draw.text((x, middle - 14), "DẤU", RED, _font(26, "Serif-Bold"), anchor="mm")
    draw.text((x, middle + 20), MARK, RED, _font(18, "Serif-Bold"), anchor="mm")


@lru_cache(maxsize=1)
def _mark() -> Image.Image:
    """The diagonal mark that no page is without."""
    layer = Image.new("RGBA", (1400, 1000), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    pen.text((700, 500), MARK, (200, 60, 60, 90), _font(170, "Sans-Bold"), anchor="mm")
    return layer.rotate(32, Image.Resampling.BILINEAR)


def _age(image: Image.Image, key: int) -> Image.Image:
    """Laid on the glass a little askew, unevenly lit, with the grain of paper and sensor, specks and a fold."""
    angle = (rng.uniform(key, 1) * 2 - 1) * ROTATION_DEGREES_MAX
    turned = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=(226, 224, 218))
    soft = turned.filter(ImageFilter.GaussianBlur(0.6))
    pixels = np.asarray(soft, np.int16) + _grain(key)[:, :, None]
    pixels += _shade(key)[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB")


def _grain(key: int) -> NDArray[np.int16]:
    """Noise of standard deviation about 5: four random bytes summed, tiled with a shift in each row of tiles."""
    side = 512
    words = rng.words(rng.stream(key, "grain"), np.arange(side * side // 2, dtype=np.uint64))
    quarter = words.view(np.uint8).reshape(side, side, 4).sum(axis=2, dtype=np.int16)
    tile = ((quarter - 510) // 29).astype(np.int16)
    rows = [np.roll(tile, 131 * row, axis=1) for row in range(HEIGHT // side + 1)]
    return np.tile(np.concatenate(rows), (1, WIDTH // side + 1))[:HEIGHT, :WIDTH]


def _shade(key: int) -> NDArray[np.int16]:
    """Darker towards one side and the edges, and along a fold across the middle."""
    x, y = np.linspace(-1, 1, WIDTH, dtype=np.float32), np.linspace(-1, 1, HEIGHT, dtype=np.float32)
    side = (rng.uniform(key, 2) - 0.5) * 14
    across = side * x - 16 * x**8
    down = (rng.uniform(key, 3) - 0.5) * 10 * y - 16 * y**8
    fold = HEIGHT // 2 + rng.below(key, 4, 60) - 30
    down[fold : fold + 3] -= 14
    return (across[None, :] + down[:, None]).astype(np.int16)


def _ink_text(key: int, number: int, label: str) -> str:
    """What a hand wrote behind a label: names, days, places and numbers of nobody."""
    at = 100 + number * 4
    kind = next((kind for word, kind in _KINDS if word in label.lower()), "")
    if kind == "name":
        return _name(key, at)
    if kind == "day":
        return (
            f"{1 + rng.below(key, at, 28):02d}/{1 + rng.below(key, at + 1, 12):02d}/{1950 + rng.below(key, at + 2, 70)}"
        )
    if kind == "place":
        return f"Thôn {1 + rng.below(key, at, 12)}, xã Thử Nghiệm, tỉnh Thanh Hóa"
    if kind == "number":
        return (
            f"000 {rng.below(key, at, 1000):03d} {rng.below(key, at + 1, 1000):03d} {rng.below(key, at + 2, 1000):03d}"
        )
    return rng.pick(key, at, ("Không", "Có", "Theo hồ sơ kèm theo", "Bình thường", "01"))


def _name(key: int, at: int) -> str:
    pools = (MEN, WOMEN, BOYS, GIRLS)
    return f"{rng.pick(key, at, FAMILIES)} {rng.pick(key, at + 1, pools[rng.below(key, at + 2, len(pools))])}"
