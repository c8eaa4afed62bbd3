"""Attachments: few aged scans, made once and cached, and from them any number of uploads that are unique.

An upload is the shared image, a shared stretch of padding up to the drawn size, and a short tail of its own that names
the dossier: a COM segment before the JPEG's end, or /Info of a PDF. Same pixels, other bytes. The sha256 of image and
padding is kept at every step, so only the tail is hashed. Parts are never joined here.

The one effect of this module is the cache: `Library.build` reads and writes files in the folder it is given.
"""

from __future__ import annotations

import hashlib
import io
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import PIL
from PIL import Image

from scenarios import kin, pdf_page, rng, scan_page
from scenarios.types import Attachment, ConfigError

SIZE_MIN, SIZE_MAX = 200_000, 5_000_000
SIZE_MEDIAN = 500_000  # of the drawn sizes, within 1 %; 95 of 100 are below 1.8 MB. Assumed, unverified
PAGES_MAX = 400
MARK_BYTES_MAX = 200
PDF_SHARE = 0.4
QUALITIES = (30, 75, 50, 90, 60, 85)  # JPEG; the first page must stay below SIZE_MIN

_SIGMA = 0.85
_LOG_CENTRE = math.log(400_000)  # cutting at 0.2 and 5 MB moves the median from here to SIZE_MEDIAN
_BLOCK = 16_384  # padding grows in segments of so many bytes
_JPEG_TAIL_MIN = 1_024
_END = b"\xff\xd9"


@dataclass(frozen=True)
class _Base:
    """One image in one wrapping, ready for uploads."""

    slug: str
    suffix: str
    content_type: str
    fixed: tuple[bytes | memoryview, ...]
    size: int  # of the fixed parts
    states: tuple[hashlib._Hash, ...]  # sha256 after the fixed parts and 0, 1, 2 … blocks of padding
    tail_min: int
    tail: Callable[[int, int, str, int], bytes]  # (start, padding, mark, size) → bytes

    @property
    def size_min(self) -> int:
        return self.size + self.tail_min


class Library:
    """Uploads of one seed. Immutable after `build`; give it to as many users as you like."""

    def __init__(self, pages: Sequence[tuple[str, bytes]], seed: int) -> None:
        """`pages` are (slug, JPEG), as `build` makes them."""
        self.pages = tuple(pages)
        self._padding = memoryview(_padding(rng.stream(seed, "attachments/padding")))
        self._jpegs = sorted((_jpeg_base(*page, self._padding) for page in pages), key=_size_min)
        self._pdfs = sorted((_pdf_base(*page, self._padding) for page in pages), key=_size_min)
        for bases in (self._jpegs, self._pdfs):
            assert bases[0].size_min <= SIZE_MIN, f"the smallest page has {bases[0].size_min} bytes"

    @classmethod
    def build(cls, seed: int, cache_dir: Path | None, pages: int = 6) -> Library:
        """Draw the pages, or read them from `cache_dir` when the same recipe was drawn before. About 0.35 s per page.

        Raises ConfigError when `pages` is out of bounds or the folder cannot be used.
        """
        if not 1 <= pages <= PAGES_MAX:
            raise ConfigError([f"pages: {pages} is not within 1..{PAGES_MAX}"])
        key = rng.stream(seed, "attachments/pages")
        recipe = _recipe(seed)
        return cls([_page(key, number, f"{recipe}-{number:03d}", cache_dir) for number in range(pages)], seed)

    def attachment(self, dossier_key: str, key: int, index: int, size: int | None = None) -> Attachment:
        """Upload number `index` of stream `key` for a dossier: same arguments, same bytes; others, other bytes.

        `size` in bytes replaces the drawn one where a limit is under test; SIZE_MIN and more, at most SIZE_MAX.
        """
        as_pdf = rng.uniform(rng.stream(key, "attachment/pdf"), index) < PDF_SHARE
        size = drawn_size(key, index) if size is None else size
        assert SIZE_MIN <= size <= SIZE_MAX, size
        mark = f"{scan_page.MARK} {dossier_key} {key:016x}.{index}"
        assert len(mark.encode()) <= MARK_BYTES_MAX, "the key of the dossier is too long"
        bases = self._pdfs if as_pdf else self._jpegs
        fitting = sum(base.size_min <= size for base in bases)
        base = bases[rng.below(rng.stream(key, "attachment/page"), index, fitting)]
        blocks = (size - base.size_min) // _BLOCK
        start = base.size + blocks * _BLOCK
        tail = base.tail(start, blocks * _BLOCK, mark, size - start)
        state = base.states[blocks].copy()
        state.update(tail)
        parts = (*base.fixed, self._padding[: blocks * _BLOCK], tail) if blocks else (*base.fixed, tail)
        return Attachment(f"{base.slug}.{base.suffix}", base.content_type, parts, size, state.hexdigest())


def drawn_size(key: int, index: int) -> int:
    """Bytes of an upload: log-normal, cut off (not piled up) below SIZE_MIN and above SIZE_MAX."""
    share = rng.uniform(rng.stream(key, "attachment/size"), index)
    z = _NORMAL.inv_cdf(_SHARE_MIN + share * (_SHARE_MAX - _SHARE_MIN))
    return min(max(round(math.exp(_LOG_CENTRE + _SIGMA * z)), SIZE_MIN), SIZE_MAX)


_NORMAL = NormalDist()
_SHARE_MIN = _NORMAL.cdf((math.log(SIZE_MIN) - _LOG_CENTRE) / _SIGMA)
_SHARE_MAX = _NORMAL.cdf((math.log(SIZE_MAX) - _LOG_CENTRE) / _SIGMA)


def _size_min(base: _Base) -> int:
    return base.size_min


def _jpeg_base(slug: str, jpeg: bytes, padding: memoryview) -> _Base:
    assert jpeg.endswith(_END), "a JPEG ends with EOI"
    fixed = (memoryview(jpeg)[: -len(_END)],)
    size = len(jpeg) - len(_END)
    return _Base(slug, "jpg", "image/jpeg", fixed, size, _states(fixed, size, padding), _JPEG_TAIL_MIN, _jpeg_tail)


def _jpeg_tail(start: int, padding: int, mark: str, size: int) -> bytes:
    text = mark.encode()
    return _comment(text + b" " * (size - 4 - len(_END) - len(text))) + _END


def _pdf_base(slug: str, jpeg: bytes, padding: memoryview) -> _Base:
    head, middle, offsets = pdf_page.fixed_parts(len(jpeg), scan_page.WIDTH, scan_page.HEIGHT)
    fixed = (head, memoryview(jpeg), middle)
    size = sum(len(part) for part in fixed)

    def tail(start: int, padded: int, mark: str, tail_size: int) -> bytes:
        return pdf_page.tail(offsets, start, padded, mark, tail_size)

    return _Base(slug, "pdf", "application/pdf", fixed, size, _states(fixed, size, padding), pdf_page.TAIL_MIN, tail)


def _states(fixed: Sequence[bytes | memoryview], size: int, padding: memoryview) -> tuple[hashlib._Hash, ...]:
    state = hashlib.sha256()
    for part in fixed:
        state.update(part)
    states = [state.copy()]
    for at in range(0, max(SIZE_MAX - size, 0), _BLOCK):
        state.update(padding[at : at + _BLOCK])
        states.append(state.copy())
    return tuple(states)


def _comment(text: bytes) -> bytes:
    """A COM segment; its length counts the two length bytes."""
    assert len(text) <= 65_533, "a segment holds 65,533 bytes"
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text


def _padding(key: int) -> bytes:
    """COM segments of _BLOCK bytes each, full of noise that no disk or proxy can compress."""
    blocks = SIZE_MAX // _BLOCK + 2
    noise = rng.words(key, np.arange(blocks * _BLOCK // 8, dtype=np.uint64)).astype("<u8").view(np.uint8)
    rows = noise.reshape(blocks, _BLOCK).copy()
    rows[:, :4] = np.frombuffer(b"\xff\xfe" + (_BLOCK - 2).to_bytes(2, "big"), np.uint8)
    return rows.tobytes()


def _recipe(seed: int) -> str:
    """Changes with the seed, with the code that draws, and with the libraries that draw and compress."""
    total = hashlib.sha256(f"{seed}/{PIL.__version__}/{np.__version__}/{QUALITIES}".encode())
    for module in (scan_page, kin, rng):
        assert module.__file__ is not None
        total.update(Path(module.__file__).read_bytes())
    return total.hexdigest()[:24]


def _page(key: int, number: int, recipe: str, cache_dir: Path | None) -> tuple[str, bytes]:
    """Slug and JPEG of one page. A cached file carries the digest of its content; a damaged one is drawn anew."""
    slug = scan_page.TEMPLATES[number % len(scan_page.TEMPLATES)].slug
    try:
        for path in sorted(cache_dir.glob(f"{recipe}-*.jpg")) if cache_dir else ():
            data = path.read_bytes()
            if path.stem == f"{recipe}-{_digest(data)}":
                return slug, data
        data = _drawn(key, number)
        if cache_dir:
            cache_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=cache_dir, suffix=".new", delete=False) as file:
                file.write(data)
            Path(file.name).replace(cache_dir / f"{recipe}-{_digest(data)}.jpg")
    except OSError as error:
        raise ConfigError([f"{cache_dir}: the cache of scanned pages cannot be used: {error.strerror}"]) from error
    return slug, data


def _drawn(key: int, number: int) -> bytes:
    buffer = io.BytesIO()
    image: Image.Image = scan_page.scan(key, number)
    quality = QUALITIES[number % len(QUALITIES)]
    image.save(buffer, "JPEG", quality=quality, dpi=(scan_page.DPI, scan_page.DPI))
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
