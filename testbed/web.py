"""The e-portal of the province and the sites of its communes (trang thông tin điện tử): what anybody reads."""

from __future__ import annotations

import re
from typing import Any

from scenarios.contract import BY_NAME
from testbed import bodies
from testbed.platform import Platform
from testbed.representations import Representation
from testbed.site import Content, Served
from testbed.visit import CODE, RefusedError, Visit
from testbed.web_counts import is_missing

_SITE = re.compile(r"[0-9]{5}\Z")
_ARTICLE = re.compile(r"[0-9]{1,4}\Z")


async def home(platform: Platform, visit: Visit) -> Content:
    site = _site(platform, visit)
    return _shown(platform, visit, platform.websites.home(site, await platform.web_counts.of(visit.spent, site)))


async def notices(platform: Platform, visit: Visit) -> Content:
    return _shown(platform, visit, platform.websites.notices(_site(platform, visit)))


async def article(platform: Platform, visit: Visit) -> Content:
    site, number = _site(platform, visit), visit.scope["path_params"]["article"]
    found = platform.websites.article(site, int(number)) if _ARTICLE.match(number) else None
    if found is None:
        raise RefusedError(404, "article-unknown")
    return _shown(platform, visit, found)


async def procedures(platform: Platform, visit: Visit) -> Content:
    return _shown(platform, visit, platform.websites.procedures(_site(platform, visit)))


async def search(platform: Platform, visit: Visit) -> Content:
    site, wanted = _site(platform, visit), visit.query(bodies.SiteQuery).q
    return platform.websites.found(site, wanted, platform.now()).answer(visit, cacheable=False)


async def dossier(platform: Platform, visit: Visit) -> dict[str, Any]:
    _site(platform, visit)
    code = visit.scope["path_params"]["dossier"]
    state = await platform.dossiers.state(visit.spent, code) if CODE.match(code) else None
    return {"dossier": code, "state": state}


async def statistics(platform: Platform, visit: Visit) -> dict[str, Any]:
    figures = await platform.web_counts.of(visit.spent, _site(platform, visit))
    return {"received": figures.received, "processed": figures.processed, "dossiers": figures.newest}


async def asset(platform: Platform, visit: Visit) -> Content:
    found = platform.websites.asset(visit.scope["path_params"]["asset"])
    if found is None:
        raise RefusedError(404, "asset-unknown")
    return _shown(platform, visit, found)


def _site(platform: Platform, visit: Visit) -> str:
    site: str = visit.scope["path_params"]["site"]
    if not _SITE.match(site) or is_missing(platform.faults, site):
        raise RefusedError(404, "site-unknown")
    return site


def _shown(platform: Platform, visit: Visit, found: Representation) -> Content:
    return found.answer(visit, cacheable=not platform.faults.hit("cache-off"))


SERVED = (
    Served(BY_NAME["web.home"], home),
    Served(BY_NAME["web.notices"], notices),
    Served(BY_NAME["web.article"], article),
    Served(BY_NAME["web.search"], search),
    Served(BY_NAME["web.procedures"], procedures),
    Served(BY_NAME["web.dossier"], dossier),
    Served(BY_NAME["web.statistics"], statistics),
    Served(BY_NAME["web.asset"], asset),
)
