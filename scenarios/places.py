"""Where people live within a commune: made-up hamlets (thôn, bản) and quarters (tổ dân phố), no name twice in it."""

from __future__ import annotations

from scenarios.households import BLOCK
from scenarios.identity import Scatter
from scenarios.names import highland_share, names
from scenarios.province import PROVINCE
from scenarios.rng import stream
from scenarios.types import Commune

HAMLET_BLOCKS = 30  # blocks of one hamlet: 1,080 people; unverified
_HIGHLAND_SHARE = 0.6  # with more Thái, Mông, Dao and Khơ Mú than this, hamlets are called bản


def hamlets(commune: Commune, seed: int) -> tuple[str, ...]:
    """Full addresses, one per hamlet of the commune: "Thôn Đông Thịnh, Xã Tượng Lĩnh, tỉnh Thanh Hóa"."""
    blocks = -(-commune.population // BLOCK)
    number = -(-blocks // HAMLET_BLOCKS)
    if commune.kind == "ward":
        word, parts = "Tổ dân phố", names().lowland
    elif highland_share(commune) > _HIGHLAND_SHARE:
        word, parts = "Bản", names().highland
    else:
        word, parts = "Thôn", names().lowland
    pairs = len(parts.first) * len(parts.second)
    order = Scatter(stream(seed, f"hamlets/{commune.code}"), len(parts.first), len(parts.second))
    result = []
    for at in range(number):
        first, second = divmod(order.one(at % pairs), len(parts.second))
        name = f"{parts.first[first]} {parts.second[second]}" + (f" {at // pairs + 1}" if at >= pairs else "")
        result.append(f"{word} {name}, {commune.name}, tỉnh {PROVINCE}")
    return tuple(result)
