"""Limits of the reader of TOML files: whatever stands in one, it ends soon and in words."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scenarios import strict_toml
from scenarios.strict_toml import DEPTH_MAX, FILE_BYTES_MAX, PROBLEMS_MAX, Document, is_name, is_there, read
from scenarios.types import ConfigError


def problems(text: str, **overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Document("x.toml", text, overrides).finish()
    return caught.value.problems


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,  # deeper than tomllib can go
        "a = " + "{ b = " * 100 + "1" + " }" * 100,
        "a = " + "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
        "a." * 100 + "b = 1",
    ],
    ids=["lists", "tables", "a little", "keys"],
)
def test_what_is_too_deep_is_told(text: str) -> None:
    assert [problem for problem in problems(text) if "more than 32 deep" in problem]


def test_a_key_of_thousands_of_words_is_not_even_tried() -> None:
    """tomllib takes time with the square of their number."""
    began = time.process_time()
    assert problems("a." * 300_000 + "b = 1") == ["x.toml: a key of more than 128 words"]
    assert time.process_time() - began < 5
    Document("x.toml", "a = [" + ",".join(f"{n}.5" for n in range(500)) + "]")


def test_a_number_beyond_64_bits_is_none() -> None:
    assert problems("[a]\nb = [1, 9223372036854775808]") == ["x.toml:2: a.b.1: a whole number beyond 64 bits"]
    assert problems("", **{"a.b": "-9223372036854775809"}) == ["x.toml: a.b: a whole number beyond 64 bits"]
    Document("x.toml", "a = 9223372036854775807")
    assert problems("a = " + "9" * 5000)[0].startswith("x.toml: not TOML: Exceeds the limit (4300 digits)")


def test_of_many_problems_some_are_told_and_the_rest_counted_in_little_time() -> None:
    began = time.process_time()
    found = problems("\n".join(f"key{number} = 1" for number in range(50_000)))
    assert len(found) == PROBLEMS_MAX + 1
    assert found[0] == "x.toml:1: key0: unknown key; known here: none"
    assert found[-1] == f"x.toml: and {50_000 - PROBLEMS_MAX} more problems"
    assert time.process_time() - began < 10


def test_every_problem_is_one_line_of_bounded_length() -> None:
    found = problems('"a\\nb\\u001b[31m" = 1\n"' + "x" * 5000 + '" = 1')
    assert found[0] == "x.toml: a\\nb\\x1b[31m: unknown key; known here: none"
    assert len(found[1]) == strict_toml.PROBLEM_CHARS_MAX + 1
    document = Document("x.toml", 'a = "' + "y" * 5000 + '"')
    document.root.take("a", int)
    assert len(document.problems[0]) < 200


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"a" * FILE_BYTES_MAX)
    assert len(read(path)) == FILE_BYTES_MAX
    path.write_bytes(b"a" * (FILE_BYTES_MAX + 1))
    for wrong, says in (
        (path, "larger than"),
        (Path("/dev/zero"), "larger than"),
        (tmp_path, "Is a directory"),
        (tmp_path / "none.toml", "No such file"),
        (Path("x" * 5000), "File name too long"),
        (Path("a\0b"), "null byte"),
    ):
        with pytest.raises(ConfigError, match=says):
            read(wrong)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="utf-8"):
        read(path)
    assert [is_there(one) for one in (path, tmp_path, Path("x" * 5000), Path("a\0b"))] == [True, False, False, False]


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("peak", True),
        ("giờ cao điểm", True),
        ("", False),
        (" ", False),
        ("a\nb", False),
        ("\0", False),
        ("x" * 101, False),
    ],
)
def test_a_name_is_one_line_of_letters(text: str, fit: int) -> None:
    assert is_name(text) == fit
