"""The house rules that no other tool checks: sizes, homes of dangerous imports, layers that cover everything."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import tomllib
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("record", "scenarios", "loadtests", "reports", "testbed", "thongsuot")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

# Which modules may import what. A module is named by its path; a prefix that ends in / stands for a folder.
HOMES: dict[str, tuple[str, ...]] = {
    "random": ("scenarios/faker_provider.py",),
    "secrets": ("thongsuot/testbed.py", "thongsuot/live.py", "testbed/"),
    "locust": ("loadtests/locustfile.py",),
    "pycurl": ("loadtests/",),
    "gevent": ("loadtests/",),
    "httpx": (),  # cannot limit the time of a whole answer; tests use it
    "faker": ("scenarios/faker_provider.py", "scenarios/forms.py", "scenarios/dossiers.py"),
    "pandas": ("record/reader.py", "reports/"),
    "duckdb": ("record/reader.py", "reports/"),
    "matplotlib": ("reports/",),
    "apsw": ("testbed/",),
    "asyncpg": ("testbed/", "loadtests/postgres_meters.py"),
    "pyhanko": (
        "testbed/signer_process.py",
        "loadtests/verifier_process.py",
        "reports/fields.py",
        "reports/signing.py",
        "reports/signed.py",
        "reports/recompute.py",
        "thongsuot/keys.py",
        "thongsuot/papers.py",
        "thongsuot/signoff.py",
    ),
    "cryptography": (
        "testbed/",
        "loadtests/trust.py",
        "reports/signing.py",
        "thongsuot/keys.py",
        "thongsuot/trial_ca.py",
    ),
    "typst": ("reports/typesetting.py",),
    "pypdfium2": ("reports/recompute.py",),
    "lxml": ("scenarios/edxml.py",),
    "time": ("loadtests/", "testbed/"),
    "socket": ("loadtests/", "testbed/"),
    "subprocess": ("loadtests/crew.py", "loadtests/restarts.py", "thongsuot/testbed.py"),
    "aiohttp": ("testbed/neighbours.py",),
}


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@functools.cache
def imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return frozenset(found)


def all_python() -> list[Path]:
    return [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]


def test_no_file_is_longer_than_400_lines() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in all_python()}
    assert {name: lines for name, lines in long.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_70_lines() -> None:
    long = {}
    for path in all_python():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


@pytest.mark.parametrize("name", sorted(HOMES))
def test_a_dangerous_import_stays_in_its_home(name: str) -> None:
    homes = HOMES[name]
    strays = []
    for path in sources():
        place = path.relative_to(ROOT).as_posix()
        at_home = any(place == home or (home.endswith("/") and place.startswith(home)) for home in homes)
        if name in imports(path) and not at_home:
            strays.append(place)
    assert strays == [], f"{name} may be imported only in {homes}"


def test_load_workers_carry_no_analysis_libraries() -> None:
    heavy = {"pyarrow", "pandas", "duckdb", "matplotlib", "pyhanko", "cryptography"}
    code = f"import sys, loadtests.worker; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([ROOT / ".venv/bin/python", "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_every_package_has_its_place_in_the_layers() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages == set(settings["tool"]["importlinter"]["root_packages"])
    layers = " ".join(settings["tool"]["importlinter"]["contracts"][0]["layers"])
    assert packages == set(re.findall(r"\w+", layers))


def test_every_text_in_the_repo_is_nfc() -> None:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    wrong = []
    for name in names:
        path = ROOT / name
        if path.suffix in {".py", ".toml", ".md", ".csv", ".html", ".css"} and path.is_file():
            text = path.read_text("utf-8")
            if not unicodedata.is_normalized("NFC", text):
                wrong.append(name)
    assert wrong == []
