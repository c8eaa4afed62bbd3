"""`signoff`: one more signature on the report of a run, or on sheets of units, in the field that waits for it."""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scenarios.types import ConfigError
from thongsuot import keys, papers, reporting

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer
    from pyhanko.sign.timestamps import TimeStamper

    from reports.verdict import Text

_FILE = click.Path(path_type=Path)


@click.command("signoff")
@click.argument("paper", nargs=-1, required=True, type=_FILE, metavar="PDF…|RUN")
@click.option("--as", "role", required=True, metavar="ROLE", help="tester, unit-head, province, or the post in words.")
@click.option("--p12", type=_FILE, help=f"Key and certificate; the password from {keys.PASSWORD} or a prompt.")
@click.option("--pkcs11", type=_FILE, metavar="MODULE", help=f"Driver of a token; the PIN from {keys.PIN} or a prompt.")
@click.option("--token", help="Label of the token, where the driver sees several.")
@click.option("--label", help="Label of key and certificate on the token.")
@click.option("--tsa", metavar="URL", help="Ask for a time stamp (RFC 3161): it proves when this was signed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@reporting.options
def command(
    paper: tuple[Path, ...],
    role: str,
    p12: Path | None,
    pkcs11: Path | None,
    token: str | None,
    label: str | None,
    tsa: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Sign report.pdf, or some sheets, as one of those for whom there is a field; write <name>.signed.pdf beside it.

    The first signature certifies the paper: after it only the others' signatures may be added. A signature that verify
    would refuse is not made, and nobody's is overwritten. Of a RUN the report is computed again first, and what does
    not say the same is not signed; what went into it besides the run (--actions, --clauses, …) must be given here too.

    Exit code: 0 signed, 1 refused with the reason, 2 wrong usage.

    \b
    thongsuot signoff runs/2025-07-01-monday-peak-1 --as tester --p12 trial/tester.p12
    thongsuot signoff sheets/*.pdf --as unit-head --pkcs11 /usr/lib/libtoken.so --label ky-so
    """
    slug = papers.role_of("--as", role)
    if (p12 is None) == (pkcs11 is None):
        raise ConfigError(["one of --p12 and --pkcs11 is needed"])
    besides = reporting.Given(**given)
    if besides.names and not any(path.is_dir() for path in paper):
        raise ConfigError([f"{', '.join(besides.names)}: only for a RUN, whose report is computed again"])
    files = [_file(path, besides) for path in paper]
    found = [(path, papers.read(path)) for path in files]
    with _signer(p12, pkcs11, token, label) as signer:
        signed, refused = _sign(found, slug, signer, _stamper(tsa))
    if as_json:
        click.echo(json.dumps({"signed": [str(path) for path in signed], "refused": refused}, ensure_ascii=False))
    else:
        for line in refused:
            click.echo(f"✗ {line}")
        for path in signed:
            click.echo(str(path))
    sys.exit(1 if refused else 0)


def _sign(
    found: list[tuple[Path, bytes]], role: str, signer: Signer, stamper: TimeStamper | None
) -> tuple[list[Path], list[str]]:
    """(written, refused with why). One that is refused does not keep the others from being signed."""
    from pyhanko.sign.timestamps import TimestampRequestError

    from reports import catalogue, recompute, signing, store
    from reports.pdf import HANOI

    written, refused = [], []
    for path, data in found:
        bears = recompute.bearing(data)
        language = bears.language if bears else "vi"
        now = datetime.now(HANOI)
        word = partial(catalogue.word, language=language)
        to = papers.signed_name(path)
        try:
            signing.waiting(data, role)
            if why := _against(path, data, to, signer, now):
                raise signing.SigningError(why)
            signed = signing.sign(data, role, signer, now, label=word, language=language, stamper=stamper)
        except signing.SigningError as error:
            refused.append(f"{path}: {_both(error.why)}")
            continue
        except (TimestampRequestError, OSError) as error:
            raise ConfigError([f"--tsa: gave no time stamp: {error}"]) from error
        store.write_into(to.parent, {to.name: signed})
        written.append(to)
    return written, refused


def _against(path: Path, data: bytes, to: Path, signer: Signer, now: datetime) -> Text | None:
    """Why this signature would spoil what is there: others' signatures, or a paper that was good so far."""
    from reports import signed, signing
    from reports.verdict import Text

    if to != path and to.exists():
        return Text("signing.there", {"file": to.name})
    if any(place.signed for place in signing.places(data)) and (broken := signed.broken(data, now)):
        return broken[0]
    assert signer.signing_cert is not None
    return signing.unfit(data, signer.signing_cert, now)


def _both(text: object) -> str:
    from reports import catalogue
    from reports.verdict import Text

    assert isinstance(text, Text)
    return " / ".join(catalogue.say(text, language) for language in catalogue.LANGUAGES)


def _file(path: Path, given: reporting.Given) -> Path:
    """The paper itself, or the report of a run: the one that others have signed already, if there is one."""
    if not path.is_dir():
        return path
    from reports import recompute, store
    from thongsuot import judge

    assessment, case = judge.judge(path, unsealed=False)
    folder = path / "assessments" / store.identity(assessment)
    report = folder / papers.REPORT
    if not report.is_file():
        raise ConfigError([f"{path}: has no {papers.REPORT} of what it proves now; thongsuot report {path}"])
    signed = papers.signed_name(report)
    chosen = signed if signed.is_file() else report
    if chosen is signed and not papers.read(signed).startswith(papers.read(report)):
        why = f"was signed before {papers.REPORT} beside it was made anew, and says something else"
        right = f"move {signed.name} away to have the new one signed, or sign {signed} by its name"
        raise ConfigError([f"{signed}: {why}; {right}"])
    said = reporting.told(case, assessment, given)
    if wrong := recompute.compare(papers.read(chosen), said.page, assessment, case, said.extras):
        raise ConfigError(
            [f"{chosen}: {_both(why)}" for why in wrong] + [f"sign {chosen} by its name if that is meant"]
        )
    return chosen


def _signer(
    p12: Path | None, pkcs11: Path | None, token: str | None, label: str | None
) -> contextlib.AbstractContextManager[Signer]:
    if p12 is not None:
        return keys.from_file(p12)
    assert pkcs11 is not None
    return keys.on_token(pkcs11, token, label)


def _stamper(url: str | None) -> TimeStamper | None:
    if url is None:
        return None
    from pyhanko.sign.timestamps import HTTPTimeStamper

    if not url.startswith(("http://", "https://")):
        raise ConfigError([f"--tsa {url}: should be an address that begins with http:// or https://"])
    return HTTPTimeStamper(url, timeout=20)
