"""Target files that nobody should write: problems with file and key, or a target that can be used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests import targets
from loadtests.asking import Asker
from loadtests.easy import new_easy
from loadtests.targets import Target
from record.types import OperationInfo, TargetInfo
from scenarios.contract import BY_NAME
from scenarios.types import ConfigError
from tests.fuzz import damaged_toml, trees, well_told

ENVIRON = {"X": "x", "THONGSUOT_OFFICER_PASSWORD": "p"}
SHIPPED = (Path(__file__).parents[2] / "targets/testbed.toml").read_text("utf-8")
OWN = """
[own.search]
weight = 3
system = "tthc"
path = "/search?q={index}"
query = { a = "{index}", b = 1 }
headers = { Authorization = "Bearer {env:X}", X-Unit = "xã {index}" }
ok = [200]
definite = [409]
timeout_ms = 100
reply = { x = { pointer = "/data/0/code" }, y = { header = "X-A" }, z = { regex = "a(b)" } }
[own.create]
system = "tthc"
method = "POST"
path = "/items"
write = true
json = { number = "{index}", list = [1, "{key}"] }
[own.form]
system = "tthc"
method = "PUT"
path = "/items"
form = { a = "x", b = 2 }
[own.raw]
system = "tthc"
method = "POST"
path = "/items"
body = "<a>{index}</a>"
"""
TEXT = SHIPPED.replace("[systems]", 'purpose = "x"\nallow_hosts = ["a.example"]\n[systems]').replace(
    "[http]", '[http]\nca_file = ""'
).replace("[own", OWN + "[own", 1) + ("" if "[own" in SHIPPED else OWN)  # fmt: skip
WORDS = (
    "name",
    "systems",
    "own",
    "path",
    "json",
    "reply",
    "http",
    "auth",
    "operation",
    "final_read",
    "control",
    "regex",
)


def use(target: Target) -> None:
    """Everything a run does with a target short of sending."""
    info, operations = target.info(), target.operations()
    assert msgspec.json.decode(msgspec.json.encode(info), type=TargetInfo) == info
    assert msgspec.json.decode(msgspec.json.encode(operations), type=tuple[OperationInfo, ...]) == operations
    target.notes()
    easy = new_easy(target.http)
    if target.problems_before_traffic(BY_NAME):
        easy.close()
        return
    for answering in target.final_read or ():
        Asker(target.http.trusted, target.headers(answering.headers), within_s=1, bytes_max=1).close()
    for one in operations:
        binding = target.bind(one.name)
        known = BY_NAME.get(one.name)
        if known is not None and known.upload:
            continue
        values = dict.fromkeys(known.takes, "v") if known is not None else {"index": 7}
        url, headers, _ = binding.request(values, "k", None)
        easy.setopt(easy.URL, url)
        easy.setopt(easy.HTTPHEADER, headers)
    easy.close()


def read(text: str) -> None:
    try:
        target = targets.parse("dir/x.toml", text, ENVIRON)
    except ConfigError as error:
        problems = error.problems
    else:
        use(target)
        return
    assert well_told(problems, "dir/x.toml"), problems


def test_the_file_that_is_damaged_below_is_right() -> None:
    read(TEXT)
    assert targets.parse("x.toml", TEXT, ENVIRON).weights.keys() >= {"search", "create", "form", "raw"}


@settings(max_examples=400)
@given(damaged_toml(TEXT))
def test_a_damaged_target_file_is_told_or_used(text: str) -> None:
    read(text)


@settings(max_examples=200)
@given(trees(*WORDS))
def test_a_target_file_that_is_none_is_told(text: str) -> None:
    read(text)


@settings(max_examples=100)
@given(st.text(max_size=300))
def test_no_text_at_all_upsets_the_reader(text: str) -> None:
    read(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('regex = "a(b)"', 'regex = "a{99999999999999999999}"', "z.regex: not a regular expression: the repetition"),
        ('regex = "a(b)"', f'regex = "{"(" * 2000}{")" * 2000}"', "z.regex: not a regular expression: maximum"),
        ('"Bearer {env:X}"', '"a\\u0000b"', "headers: Authorization: should be a text of one line, without control"),
        ('"Authorization: Bearer {token}"', '"A: \\u0000{token}"', "is no header"),
        ('ca_file = ""', f'ca_file = "{"x" * 300}"', "is not there; should be a file of certificates"),
        ('ca_file = ""', f'ca_file = "{__file__}"', "cannot be used (["),
        ("weight = 3", "weight = 1" + "0" * 400, "own.search.weight: a whole number beyond 64 bits"),
        ("ok = [200]", "ok = [0x" + "f" * 9000 + "]", "own.search.ok.0: a whole number beyond 64 bits"),
        ("b = 1 }", "b = " + "9" * 5000 + " }", "not TOML: Exceeds the limit"),
        ("[own.search]", '[own."a\\u0000"]', "is no name; should be one line"),
        ("[own.search]", f'[own."{"x" * 101}"]', "is no name; should be one line"),
        ("[systems]", '[systems]\n"a\\nb" = "http://127.0.0.1:1"', "is no name; should be one line"),
        ('tthc = "http://127.0.0.1:8166"', 'tthc = "http://127.0.0.1:8166/\\u0001"', "a blank or a letter outside"),
        ('name = "testbed"', 'name = "a\\nb"', "name: 'a\\nb' will not do"),
    ],
)  # fmt: skip
def test_what_used_to_break_the_reader_or_the_run_is_told(old: str, new: str, says: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError) as caught:
        targets.parse("x.toml", TEXT.replace(old, new), ENVIRON)
    assert any(says in problem for problem in caught.value.problems), caught.value.problems
