"""Texts in Vietnamese and English from one set of keys; a finding's parameters fill the gaps."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from reports import numbers
from reports.verdict import Param, PhaseNames, Quantity, Text, Word

LANGUAGES = ("vi", "en")
_FOLDER = Path(__file__).parent / "texts"


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> dict[str, str]:
    """All texts of one language, key → template with {gaps}, from `<language>.toml` and `<language>.<part>.toml`."""
    catalogue: dict[str, str] = {}
    for file in sorted(_FOLDER.glob(f"{language}.*toml")):
        part: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))
        if twice := catalogue.keys() & part.keys():
            raise ValueError(f"{file.name}: keys that another file has too: {', '.join(sorted(twice))}")
        catalogue |= part
    return catalogue


def say(text: Text, language: str) -> str:
    """The sentence in one language. A missing key is our own mistake and raises KeyError."""
    filled = {name: param(value, language) for name, value in text.params.items()}
    return words(language)[text.key].format_map(filled)


def word(key: str, language: str) -> str:
    """A text without gaps."""
    return words(language)[key]


def param(value: Param, language: str) -> str:
    if isinstance(value, Text):
        return say(value, language)
    if isinstance(value, PhaseNames):
        return ", ".join(phase(name, language) for name in value.names)
    if isinstance(value, Word):
        return words(language).get(value.key) or value.otherwise or value.key
    return numbers.show(value, language) if isinstance(value, Quantity) else value


def phase(name: str, language: str) -> str:
    """The name of a phase as the profile has it, behind the reader's own word where there is one."""
    known = words(language).get(f"phase.name.{name}", name)
    return name if known == name else f"{known} ({name})"
