"""What became of a call: the one place where statuses and libcurl's codes become an Outcome and a slug.

The rule. A write that may have reached the target and was not clearly answered is unknown until the final read. What
certainly never left is refused. A read that got an answer we do not want is refused; one that got none is unknown.
"""

from __future__ import annotations

import pycurl

from record.types import Outcome

UNSENDABLE = pycurl.E_BAD_FUNCTION_ARGUMENT  # libcurl does not take the address or a header: nothing was sent

# libcurl's codes (libcurl-errors(3)); numbers where pycurl has no name. Anything else is network-other.
SLUG_OF_CODE: dict[int, str] = {
    pycurl.E_UNSUPPORTED_PROTOCOL: "reply-malformed",  # a status line that is not HTTP's; other schemes are not let in
    pycurl.E_URL_MALFORMAT: "reply-malformed",  # where a redirect leads; those of the target file are checked
    pycurl.E_COULDNT_RESOLVE_PROXY: "dns-failed",
    pycurl.E_COULDNT_RESOLVE_HOST: "dns-failed",
    pycurl.E_COULDNT_CONNECT: "connect-refused",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "reply-malformed",  # CURLE_WEIRD_SERVER_REPLY, also for HTTP
    pycurl.E_HTTP2: "reply-malformed",
    pycurl.E_PARTIAL_FILE: "connection-reset",
    pycurl.E_WRITE_ERROR: "reply-too-large",  # only our own limits refuse bytes
    pycurl.E_READ_ERROR: "send-failed",
    pycurl.E_OPERATION_TIMEDOUT: "total-timeout",
    pycurl.E_SSL_CONNECT_ERROR: "tls-failed",
    pycurl.E_ABORTED_BY_CALLBACK: "send-failed",
    pycurl.E_TOO_MANY_REDIRECTS: "redirect-loop",
    pycurl.E_GOT_NOTHING: "connection-reset",
    UNSENDABLE: "send-failed",
    pycurl.E_SSL_ENGINE_NOTFOUND: "tls-failed",
    pycurl.E_SSL_ENGINE_SETFAILED: "tls-failed",
    pycurl.E_SEND_ERROR: "send-failed",
    pycurl.E_RECV_ERROR: "connection-reset",
    pycurl.E_SSL_CERTPROBLEM: "tls-failed",
    pycurl.E_SSL_CIPHER: "tls-failed",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls-failed",
    pycurl.E_BAD_CONTENT_ENCODING: "reply-malformed",
    pycurl.E_FILESIZE_EXCEEDED: "reply-too-large",
    pycurl.E_SEND_FAIL_REWIND: "connection-reset",  # libcurl wanted to send a write again on a new connection
    pycurl.E_SSL_CACERT_BADFILE: "tls-failed",
    pycurl.E_SSL_ISSUER_ERROR: "tls-failed",
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH: "tls-failed",
    pycurl.E_SSL_INVALIDCERTSTATUS: "tls-failed",
    92: "connection-reset",  # CURLE_HTTP2_STREAM
    100: "reply-too-large",  # CURLE_TOO_LARGE
}


def judge_status(status: int, ok: frozenset[int], definite: frozenset[int], write: bool) -> tuple[Outcome, str]:
    """An answer that came whole. `ok` and `definite` are the operation's; see contract.Operation."""
    if status in ok:
        return Outcome.OK, ""
    slug = "status-4xx" if 400 <= status < 500 else "status-5xx" if 500 <= status < 600 else "status-other"
    if write and status not in definite:
        return Outcome.UNKNOWN, slug
    return Outcome.REFUSED, slug


def judge_failure(code: int, message: str, sent: bool) -> tuple[Outcome, str]:
    """A transfer that libcurl gave up. `sent`: the request, or a byte of it, was handed to the connection."""
    slug = SLUG_OF_CODE.get(code, "network-other")
    if slug == "total-timeout" and not sent:
        slug = "connect-timeout"
    elif code == pycurl.E_RECV_ERROR:
        slug = _slug_of_receive_error(message)
    elif code == pycurl.E_SEND_ERROR and ("reset" in message or "eof" in message):
        slug = "connection-reset"
    return Outcome.UNKNOWN if sent else Outcome.REFUSED, slug


def _slug_of_receive_error(message: str) -> str:
    """libcurl has one code for a broken connection and for a reply it cannot read; its words tell them apart."""
    lowered = message.lower()
    if "too large" in lowered or "too long" in lowered or "too many" in lowered:
        return "reply-too-large"
    if "malformed" in lowered or "chunk" in lowered or "header" in lowered:
        return "reply-malformed"
    return "connection-reset"
