"""Wrong input: one clear error per problem naming file, line and key, exit code 2, and not a byte of traffic."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from thongsuot.cli import main
from thongsuot.options import SHIPPED_TARGETS
from thongsuot.testbed import PASSWORD, at

PROFILE = Path(__file__).parents[1] / "profiles/drill.toml"


class Listener:
    """A port that counts who comes."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def visitors(self) -> int:
        count = 0
        while True:
            try:
                self.socket.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.socket.close()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["run", *words])


def changed(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def fault(when: str, kind: str = "delay=900") -> str:
    return f'[[fault]]\nkind = "{kind}"\n{when}\n'


WRONG_PROFILES = [
    (
        "a key misspelt",
        "compression = 900.0",
        "compresion = 900.0",
        r"drill\.toml:13: time\.compresion: unknown key; did you",
    ),
    ("a number as text", "compression = 900.0", 'compression = "fast"', r":13: time\.compression: 'fast' is a text"),
    ("no scale at all", "seed = 5", "seed = 5\nscale = 0", r":5: scale: 0\.0 will not do; above 0, up to 1000"),
    (
        "a share above one",
        "online_share = 0.6",
        "online_share = 6",
        r":15: time\.online_share: 6\.0 will not do; a share",
    ),
    (
        "an unknown weekday",
        'weekday = "monday"',
        'weekday = "sunday"',
        r":11: time\.weekday: 'sunday' will not do; one of",
    ),
    ("an unknown commune", '"14797"', '"99999"', r"'99999' is no commune code"),
    ("no judged phase", "judged = true", "judged = false", r"no phase is judged"),
    (
        "an unknown metric",
        'metric = "errors"',
        'metric = "speed"',
        r"metric: 'speed' will not do; one of latency, errors, lag",
    ),
    (
        "a lag of no link",
        'metric = "latency"\noperations = ["*"]',
        'metric = "lag"\noperations = ["*"]',
        "no link with",
    ),
    (
        "a fault beyond the end",
        "[time]",
        fault("at_s = 5\nfor_s = 3") + "[time]",
        r"fault\.0\.kind: is over at 8 s; the phases",
    ),
    (
        "a fault at no time",
        "[time]",
        fault('at = "soon"\nfor_s = 3') + "[time]",
        r"fault\.0\.at: 'soon' will not do; seconds of",
    ),
    (
        "a fault of no length",
        "[time]",
        fault('at = "2s"\nfor = "0s"') + "[time]",
        r"fault\.0\.for: '0s' will not do; seconds of",
    ),
    (
        "a fault without its end",
        "[time]",
        fault("at_s = 5") + "[time]",
        r"fault\.0\.for_s: missing; seconds of the run",
    ),
    (
        "a time twice",
        "[time]",
        fault('at = "2s"\nat_s = 2\nfor_s = 3') + "[time]",
        r"fault\.0\.at_s: beside at; give one",
    ),
    (
        "a fault twice",
        "[time]",
        fault("at_s = 1\nfor_s = 3") + fault("at_s = 3\nfor_s = 1") + "[time]",
        "is set already at that",
    ),
    (
        "no fault",
        "[time]",
        fault("at_s = 1\nfor_s = 3", "dance, dance") + "[time]",
        r"fault\.0\.kind: 'dance, dance' will not do",
    ),
    ("no users for a system", "tthc = 200", "# none", r"users\.tthc: missing; arrivals for tthc need users"),
    (
        "users of no system",
        "tthc = 200",
        "tthc = 200\nclinic = 3",
        r"users\.clinic: no such system; one of .*\bportal, .*\btthc\b",
    ),
    ("a name that leads elsewhere", 'name = "drill"', 'name = "../drill"', r"name: '\.\./drill' will not do; letters"),
    ("not TOML at all", "[time]", "[time", r"drill\.toml:\d+: not TOML"),
    ("a phase of no length", "for_s = 6.0", "for_s = 0", r"phase\.1\.for_s: 0\.0 will not do; seconds above 0"),
]


@pytest.mark.parametrize(
    ("old", "new", "says"), [row[1:] for row in WRONG_PROFILES], ids=[row[0] for row in WRONG_PROFILES]
)
def test_a_wrong_profile_is_refused(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch, old: str, new: str, says: str
) -> None:
    monkeypatch.setenv(PASSWORD, "x")
    profile, target = tmp_path / "drill.toml", tmp_path / "target.toml"
    profile.write_text(changed(PROFILE.read_text("utf-8"), old, new), "utf-8")
    text = (SHIPPED_TARGETS / "testbed.toml").read_text("utf-8")
    target.write_text(at(text, listener.url, listener.url), "utf-8")
    result = run(str(profile), "--target", str(target), "--runs", str(tmp_path / "runs"))
    assert result.exit_code == 2, result.output
    assert re.search(says, result.stderr), result.stderr
    assert listener.visitors() == 0
    assert not list(tmp_path.glob("runs/*"))


WRONG_TARGETS = [
    ("another host without leave", 'portal = "URL"', 'portal = "http://dichvucong.example.vn"', "is not this machine"),
    ("a private address without leave", 'tthc = "URL"', 'tthc = "http://10.1.2.3"', "is not this machine"),
    ("no scheme", 'portal = "URL"', 'portal = "127.0.0.1:80"', r"systems\.portal"),
    ("an unknown option", "[http]", "[http]\nspeed = 3", r"http\.speed: unknown key"),
    ("an unknown operation", '"tthc.login"]', '"tthc.logon"]', "tthc.logon"),
    ("an unknown placeholder", "{account}", "{acount}", "acount"),
    ("a secret that is not set", "THONGSUOT_OFFICER_PASSWORD", "THONGSUOT_NOT_SET", "THONGSUOT_NOT_SET"),
    ("an HTTP that does not exist", 'version = "1.1"', 'version = "4"', r"http\.version"),
    ("a log-in that is none", 'login = "tthc.login"', 'login = "tthc.queue.all"', r"auth\.officer\.login"),
    ("a time-out of nothing", "total_timeout_ms = 20000", "total_timeout_ms = 0", r"http\.total_timeout_ms"),
    ("no people for a profile of people", 'identities = "realistic"', 'identities = "none"', "but drill sends people"),
    ("an allow-list that is not there", 'identities = "realistic"', 'identities = "allow-list"', "0 numbers for 166"),
    ("HTTP/2 that would silently be 1.1", 'version = "1.1"', 'version = "2"', "only over https"),
    ("identities that do not exist", 'identities = "realistic"', 'identities = "true"', "identities"),
]


@pytest.mark.parametrize(
    ("old", "new", "says"), [row[1:] for row in WRONG_TARGETS], ids=[row[0] for row in WRONG_TARGETS]
)
def test_a_wrong_target_is_refused(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch, old: str, new: str, says: str
) -> None:
    monkeypatch.setenv(PASSWORD, "x")
    target = tmp_path / "target.toml"
    text = (SHIPPED_TARGETS / "testbed.toml").read_text("utf-8")
    text = at(text, "URL", "URL")
    target.write_text(changed(text, old, new).replace("URL", listener.url), "utf-8")
    result = run(str(PROFILE), "--target", str(target), "--runs", str(tmp_path / "runs"))
    assert result.exit_code == 2, result.output
    assert re.search(says, result.stderr), result.stderr
    assert listener.visitors() == 0
    assert not list(tmp_path.glob("runs/*"))


def test_a_fault_needs_a_target_that_can_be_told(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "x")
    profile, target = tmp_path / "drill.toml", tmp_path / "target.toml"
    profile.write_text(changed(PROFILE.read_text("utf-8"), "[time]", fault("at_s = 1\nfor_s = 3") + "[time]"), "utf-8")
    text = (SHIPPED_TARGETS / "testbed.toml").read_text("utf-8").replace("http://127.0.0.1:8166", listener.url)
    target.write_text(re.sub(r"\[control\]\n.*\n.*\n", "", text), "utf-8")
    result = run(str(profile), "--target", str(target), "--runs", str(tmp_path / "runs"))
    assert (result.exit_code, listener.visitors()) == (2, 0)
    assert "drill: fault: testbed does not say where they are switched: [control] system =" in result.stderr


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    profile = tmp_path / "drill.toml"
    text = PROFILE.read_text("utf-8")
    for _, old, new, _ in WRONG_PROFILES[1:4]:
        text = changed(text, old, new)
    profile.write_text(text, "utf-8")
    result = run(str(profile), "--target", "testbed")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("no-such", "--target", "testbed"), "unknown; shipped profiles: generic"),
        (("smoke", "--target", "no-such"), "no such file; shipped targets: testbed"),
        (("smoke", "--target", "testbed", "--set", "x"), "should be KEY=VALUE"),
        (("smoke", "--target", "testbed", "--set", "time.rate_facto=2"), "time.rate_facto: unknown key; did you mean"),
        (("smoke", "--target", "testbed", "--rate", "5"), "follows the day's curve"),
        (("generic", "--target", "testbed"), "operations of its own"),
        ((str(PROFILE), "--target", "TARGET", "--tag", "a b"), "should be up to 40 letters"),
        ((str(PROFILE), "--target", "TARGET", "--bind", "203.0.113.9"), "--bind 203.0.113.9: cannot listen there"),
        ((str(PROFILE), "--target", "TARGET", "--bind", "here"), "should be a number such as"),
        ((str(PROFILE), "--target", "TARGET", "--web-port", "PORT"), "cannot listen there: Address already in use"),
        (
            (str(PROFILE), "--target", "TARGET", "--workers", "1", "--set", "users.tthc=20000"),
            "open files, this machine allows",
        ),
        (("smoke",), "Missing option '--target'"),
    ],
)
def test_wrong_words_are_refused(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setenv(PASSWORD, "x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("resource.getrlimit", lambda which: (1024, 20_000))
    text = (SHIPPED_TARGETS / "testbed.toml").read_text("utf-8")
    (tmp_path / "target.toml").write_text(at(text, listener.url, listener.url), "utf-8")
    stands_for = {"TARGET": "target.toml", "PORT": listener.url.rsplit(":", 1)[1]}
    result = run(*(stands_for.get(word, word) for word in words))
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_a_host_whose_name_nothing_can_have_is_told(tmp_path: Path) -> None:
    target, name = tmp_path / "target.toml", "x" * 70 + ".example"
    own = '[own.look]\npath = "/"\n'
    head = f'name = "x"\npurpose = "x"\nallow_hosts = ["{name}"]\n[systems]\na = "http://{name}"\n'
    target.write_text(head + own, "utf-8")
    result = run("generic", "--target", str(target), "--runs", str(tmp_path / "runs"))
    assert result.exit_code == 2
    assert f"http://{name}: nobody answers there" in result.stderr
    assert "Traceback" not in result.output


def test_nobody_at_the_target_and_no_folder_to_write_to_are_told_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "x")
    (tmp_path / "file").write_text("")
    result = run(str(PROFILE), "--target", "testbed", "--runs", str(tmp_path / "file" / "runs"))
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = tmp_path / "target.toml"
    text = (SHIPPED_TARGETS / "testbed.toml").read_text("utf-8")
    target.write_text(text.replace(":8166", f":{port}").replace(":8167", f":{port}"), "utf-8")
    result = run(str(PROFILE), "--target", str(target), "--runs", str(tmp_path / "runs"))
    assert result.exit_code == 2
    assert "nobody answers there" in result.stderr
    assert not list(tmp_path.glob("runs/*"))
