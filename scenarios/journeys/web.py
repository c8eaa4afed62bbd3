"""Visitors of the sites (trang thông tin điện tử): browsing as a Markov chain. Think times in day seconds.

Every page that is a page refers to the same files. They are asked for each time, one after the other and at once, and
the person's own cache answers for those that are still fresh, as in a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from scenarios.contract import PROVINCE_OFFICE, SITE_ARTICLES, SITE_ASSETS
from scenarios.flows import Figure
from scenarios.types import Arrival, Call, Journey
from scenarios.world import World

STEPS_MAX = 40  # pages of one visit
LEAVE, ENTER = "leave", "enter"

# From where to where, with which probability. Each row sums to 1.
CHAIN: Mapping[str, Mapping[str, float]] = {
    ENTER: {"home": 0.62, "article": 0.22, "procedures": 0.12, "look-up": 0.04},
    "home": {
        "notices": 0.24, "article": 0.22, "search": 0.12, "procedures": 0.14, "look-up": 0.08, "statistics": 0.04,
        LEAVE: 0.16,
    },
    "notices": {"article": 0.55, "home": 0.15, "search": 0.05, LEAVE: 0.25},
    "article": {"article": 0.15, "notices": 0.20, "home": 0.15, LEAVE: 0.50},
    "search": {"article": 0.35, "procedures": 0.25, "search": 0.15, "home": 0.05, LEAVE: 0.20},
    "procedures": {"search": 0.15, "home": 0.15, "look-up": 0.10, LEAVE: 0.60},
    "look-up": {"look-up": 0.10, "home": 0.15, LEAVE: 0.75},
    "statistics": {"home": 0.30, LEAVE: 0.70},
}  # fmt: skip
PROVINCE_SHARE = 0.12
FIGURES = (
    Figure("web-chain", 0.0, "", "how visitors go from page to page: assumption", False),
    Figure("web-province-share", PROVINCE_SHARE, "of visits, to the e-portal of the province", "assumption", False),
)
THINK_S: Mapping[str, float] = {
    "home": 20.0, "notices": 25.0, "article": 60.0, "search": 20.0, "procedures": 40.0, "look-up": 30.0,
    "statistics": 25.0,
}  # fmt: skip  # how long they look at a page before they go on
TYPE_S = 10.0  # a dossier's code


def visit(arrival: Arrival, world: World) -> Journey:
    """Somebody comes to the site of their commune, or to the e-portal of the province, looks round, and leaves."""
    by_province = world.chance(arrival, "web/site") < PROVINCE_SHARE
    site, codes, think_ns = PROVINCE_OFFICE if by_province else arrival.commune, None, 0
    for step, page in enumerate(pages(lambda purpose: world.chance(arrival, purpose))):
        if page == "look-up":
            if codes is None:  # the page on which the commune names its newest dossiers
                reply = yield Call("web.statistics", {"site": arrival.commune}, think_ns=think_ns)
                codes, think_ns = _listed(reply.values.get("dossiers")), world.think(arrival, f"web{step}/type", TYPE_S)
            if codes:
                code = codes[int(world.chance(arrival, f"web{step}/code") * len(codes))]
                yield Call("web.dossier", {"site": site, "dossier": code}, think_ns=think_ns)
        else:
            yield _page(arrival, world, site, page, step, think_ns)
            if page != "statistics":
                for asset in SITE_ASSETS:
                    yield Call("web.asset", {"asset": asset})
        think_ns = world.think(arrival, f"web{step}", THINK_S[page])


def pages(chance: Callable[[str], float]) -> Iterator[str]:
    """The pages of one visit in order; `chance` gives a number in [0, 1) for a purpose."""
    page = ENTER
    for step in range(STEPS_MAX):
        page = _drawn(CHAIN[page], chance(f"web{step}/page"))
        if page == LEAVE:
            return
        yield page


def _drawn(row: Mapping[str, float], at: float) -> str:
    *others, last = row
    for page in others:
        at -= row[page]
        if at < 0:
            return page
    return last


def _page(arrival: Arrival, world: World, site: str, page: str, step: int, think_ns: int) -> Call:
    values: dict[str, str | int] = {"site": site}
    if page == "article":  # the newer, the more are read
        values["article"] = SITE_ARTICLES - int(world.chance(arrival, f"web{step}/article") ** 2 * SITE_ARTICLES)
    elif page == "search":
        values["q"] = world.search_words(world.procedure(arrival, f"web{step}/search").code)
    return Call(f"web.{page}", values, think_ns=think_ns)


def _listed(codes: object) -> list[str]:
    """What a site names: a list, or the one code that a target's own page shows."""
    if isinstance(codes, str):
        return [codes] if codes else []
    return [str(code) for code in codes] if isinstance(codes, list) else []
