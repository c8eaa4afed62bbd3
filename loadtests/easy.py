"""A fresh libcurl handle with everything that stays the same for a person's whole life."""

from __future__ import annotations

from typing import Any

import pycurl

from loadtests.targets import HttpOptions

USER_AGENT = "ThongSuot/0.1 (load test)"


def new_easy(http: HttpOptions) -> Any:
    easy = pycurl.Curl()
    easy.setopt(pycurl.NOSIGNAL, 1)
    easy.setopt(pycurl.PROXY, "")  # also switches off what the environment says
    easy.setopt(pycurl.NOPROXY, "*")
    easy.setopt(pycurl.PATH_AS_IS, 1)
    easy.setopt(pycurl.USERAGENT, USER_AGENT)
    easy.setopt(pycurl.ACCEPT_ENCODING, "gzip")
    easy.setopt(pycurl.COOKIEFILE, "")
    easy.setopt(pycurl.CONNECTTIMEOUT_MS, http.connect_timeout_ms)
    easy.setopt(pycurl.TIMEOUT_MS, http.total_timeout_ms)
    two = http.version == "2"
    easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS if two else pycurl.CURL_HTTP_VERSION_1_1)
    easy.setopt(pycurl.CAINFO, http.trusted)
    return easy
