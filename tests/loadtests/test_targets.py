"""Target files: strict, all problems at once, no traffic to strangers, no secret in sight."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from loadtests import targets
from loadtests.answering import Answering, Control, FinalRead
from loadtests.bindings import Body
from loadtests.bodies import Source
from record.types import OperationInfo
from scenarios.contract import OPERATIONS
from scenarios.types import Attachment, ConfigError

TESTBED = Path(__file__).parents[2] / "targets" / "testbed.toml"
SECRET = {"THONGSUOT_OFFICER_PASSWORD": "rất bí mật"}
SYS = "http://127.0.0.1:8000"
SMALL = 'name = "thu"\n[systems]\nsys = "http://127.0.0.1:8000"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        targets.parse("thu.toml", text, {})
    return caught.value.problems


def test_the_shipped_target_binds_every_operation_of_the_contract() -> None:
    target = targets.load(TESTBED, SECRET)
    assert target.problems_before_traffic([operation.name for operation in OPERATIONS]) == []
    assert [target.bind(operation.name).method for operation in OPERATIONS] == [o.method for o in OPERATIONS]
    assert target.weights == {}
    assert target.writes("tthc.receive")
    assert not target.writes("tthc.queue")
    assert target.final_read is not None
    assert target.final_read.main.keys_url == "http://127.0.0.1:8166/audit/keys"
    asked = [one.observations_url for one in target.final_read if one.observations_url]
    assert asked == [f"http://127.0.0.1:{port}/audit/observations" for port in (8166, 8167)]


def test_an_operation_nobody_named_is_sent_as_the_contract_says() -> None:
    target = targets.load(TESTBED, SECRET)
    search = target.bind("portal.search").request({"q": "khai sinh & tử", "commune": "14797"}, None, None)
    assert search == (
        "http://127.0.0.1:8166/portal/procedures?q=khai%20sinh%20%26%20t%E1%BB%AD&commune=14797",
        [],
        None,
    )
    rate = target.bind("portal.rate").request({"dossier": "H56/1 a", "stars": 5, "comment": "tốt"}, "tag-1", None)
    assert rate == (
        "http://127.0.0.1:8166/portal/dossiers/H56%2F1%20a/rating",
        ["Content-Type: application/json", "Expect:", "Idempotency-Key: tag-1"],
        '{"stars":5,"comment":"tốt"}'.encode(),
    )
    token = target.session("citizen", {"token": "abc"})
    assert "Authorization: Bearer abc" in target.bind("portal.submit").request(
        {"commune": "1", "procedure": "2", "cccd": "3", "applicant": "4", "form": {"a": "b"}}, "k", token
    )[1]  # fmt: skip


def test_an_upload_is_streamed_from_the_parts_it_came_in() -> None:
    data = memoryview(bytes(range(256)) * 1000)
    file = Attachment("a.jpg", "image/jpeg", (data[:7], data[7:]), len(data), hashlib.sha256(data).hexdigest())
    target = targets.load(TESTBED, SECRET)
    _, headers, body = target.bind("tthc.scan").request({"dossier": "d", "kind": "k", "file": file}, "key", None)
    assert isinstance(body, Body)
    assert any(piece is file.parts[1] for piece in body.pieces)
    assert str(headers[0]).startswith("Content-Type: multipart/form-data; boundary=")
    source, sent = Source(), b""
    source.start(body.pieces)
    while chunk := source.read(1000):
        assert len(chunk) <= 1000
        sent += chunk
    assert len(sent) == body.size
    assert bytes(data) in sent


def test_secrets_are_in_the_request_and_nowhere_else() -> None:
    target = targets.load(TESTBED, SECRET)
    _, _, body = target.bind("tthc.login").request({"account": "14797.motcua"}, None, None)
    assert body == '{"account":"14797.motcua","password":"rất bí mật"}'.encode()
    assert "bí mật" not in f"{target!r} {target.info()!r} {target.operations()!r} {target.final_read!r}"


def test_a_missing_secret_is_told_before_traffic_and_refuses_to_bind() -> None:
    target = targets.load(TESTBED, {})
    told = [
        "testbed: environment variable THONGSUOT_OFFICER_PASSWORD is not set; the target file asks for it",
    ]
    assert target.problems_before_traffic() == told
    with pytest.raises(ConfigError) as caught:
        target.bind("tthc.login")
    assert caught.value.problems == told
    broken = targets.load(TESTBED, {"THONGSUOT_OFFICER_PASSWORD": "a\r\nX-Evil: 1"}).problems_before_traffic()
    assert len(broken) == 1
    assert "line break" in broken[0]
    assert "Evil" not in broken[0]


def test_own_operations_make_any_system_a_target() -> None:
    text = SMALL + (
        '[own."xem"]\nweight = 3\npath = "/a/{index}"\n'
        '[own."ghi"]\nmethod = "POST"\npath = "/b"\nwrite = true\nbody = "n={index}"\nok = [201]\n'
        'headers = { "X-Key" = "{key}" }\n'
    )
    target = targets.parse("thu.toml", text, {})
    assert target.weights == {"xem": 3.0, "ghi": 1.0}
    assert target.operations() == (OperationInfo("xem", "sys", False), OperationInfo("ghi", "sys", True))
    assert target.info().digest == hashlib.sha256(text.encode()).hexdigest()
    assert target.bind("xem").request({"index": 4}, None, None) == ("http://127.0.0.1:8000/a/4", [], None)
    _, headers, body = target.bind("ghi").request({"index": 4}, "tag-4", None)
    assert (headers, body) == (["Content-Type: text/plain; charset=utf-8", "Expect:", "X-Key: tag-4"], b"n=4")
    (problem,) = target.problems_before_traffic(["tthc.queue", "tthc.login"])
    assert problem.startswith('thu: systems.tthc: missing; the profile sends people to tthc: write tthc = "http://…"')
    assert "ghi writes and there is no [final_read]" in target.notes()[0]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_needs_no_permission(host: str) -> None:
    target = targets.parse("thu.toml", SMALL.replace("127.0.0.1", host), {})
    assert target.problems_before_traffic() == []


@pytest.mark.parametrize(
    "host", ["tthc.example.vn", "10.0.0.1", "127.0.0.1.example.vn", "localhost.example.vn", "[2001:db8::1]", "0.0.0.0"]
)
def test_no_traffic_to_a_host_that_is_not_named_with_a_purpose(host: str) -> None:
    text = SMALL.replace("127.0.0.1", host)
    assert len(targets.parse("thu.toml", text, {}).problems_before_traffic()) == 2
    named = f'allow_hosts = ["{host.strip("[]")}"]\n' + text
    assert [p.split(": ")[1] for p in targets.parse("thu.toml", named, {}).problems_before_traffic()] == ["purpose"]
    allowed = targets.parse("thu.toml", 'purpose = "thử tải có phép"\n' + named, {})
    assert allowed.problems_before_traffic() == []
    assert allowed.allows(f"http://{host}/x")
    assert not allowed.allows("http://khac.example.vn/x")
    assert not allowed.allows(f"ftp://{host}/x")


def test_the_final_read_is_optional_and_carries_its_own_headers() -> None:
    assert targets.parse("thu.toml", SMALL, {}).final_read is None
    text = SMALL + '[final_read]\nsystem = "sys"\nwrites = ""\nheaders = { Authorization = "Basic {env:K}" }\n'
    target = targets.parse("thu.toml", text, {"K": "abc"})
    assert target.final_read is not None
    main = target.final_read.main
    assert (main.keys_url, main.writes_url, main.observations_url) == ("http://127.0.0.1:8000/audit/keys", "", "")
    assert target.headers(main.headers) == {"Authorization": "Basic abc"}
    assert targets.parse("thu.toml", text, {}).problems_before_traffic() == [
        "thu: environment variable K is not set; the target file asks for it"
    ]


MANY = SMALL + 'bank = "http://127.0.0.1:9000/"\nnational = "http://127.0.0.1:9001"\n[final_read]\nsystem = "sys"\n'


def test_systems_that_answer_for_themselves_are_asked_where_they_are() -> None:
    text = MANY + 'observations = "/o"\nsettle_s = 3\n[final_read.bank]\nkeys = "/k"\nwrites = "/w"\n'
    text += 'headers = { A = "{env:K}" }\n[final_read.national]\nobservations = "/seen"\n'
    where = targets.parse("thu.toml", text, {"K": "1"}).final_read
    assert where == FinalRead(
        Answering("sys", f"{SYS}/audit/keys", f"{SYS}/audit/writes", f"{SYS}/o", {}),
        (
            Answering("bank", "http://127.0.0.1:9000/k", "http://127.0.0.1:9000/w", "", {"A": "{env:K}"}),
            Answering("national", "", "", "http://127.0.0.1:9001/seen", {}),
        ),
        3.0,
    )
    asked = [where.keys_at(system).system for system in ("sys", "bank", "national", "another")]
    assert asked == ["sys", "bank", "sys", "sys"]
    assert targets.parse("thu.toml", text, {}).problems_before_traffic() == [
        "thu: environment variable K is not set; the target file asks for it"
    ]


def test_faults_are_switched_where_the_target_says() -> None:
    text = SMALL + '[control]\nsystem = "sys"\nfaults = "/testbed/faults"\n'
    assert targets.parse("thu.toml", text, {}).control == Control("sys", f"{SYS}/testbed/faults", {})
    assert targets.parse("thu.toml", SMALL, {}).control is None


WRONG = [  # (what is wrong, text, what the message must say)
    ("not TOML", 'name = "x\n', "thu.toml:1: not TOML"),
    ("no systems", 'name = "x"\n', "systems"),
    ("unknown key", 'nmae = "x"\n' + SMALL, "thu.toml:1: nmae: unknown key; did you mean name?"),
    ("unknown section key", SMALL + "[http]\ntimeout = 3\n", "thu.toml:5: http.timeout: unknown key"),
    ("wrong type", SMALL + '[http]\ntotal_timeout_ms = "3"\n', "thu.toml:5: http.total_timeout_ms"),
    ("out of range", SMALL + "[http]\nconnect_timeout_ms = 0\n", "thu.toml:5: http.connect_timeout_ms"),
    ("version", SMALL + '[http]\nversion = "3"\n', 'thu.toml:5: http.version: \'3\' will not do; "1.1" or "2"'),
    ("no CA file", SMALL + '[http]\nca_file = "khong.pem"\n', "thu.toml:5: http.ca_file"),
    ("identities", 'identities = "thật"\n' + SMALL, "thu.toml:1: identities"),
    ("not a URL", SMALL.replace("http://127.0.0.1:8000", "127.0.0.1"), "thu.toml:3: systems.sys"),
    ("bad port", SMALL.replace("8000", "80000"), "thu.toml:3: systems.sys"),
    ("query in base", SMALL.replace("8000", "8000/?a=1"), "thu.toml:3: systems.sys"),
    ("no such operation", SMALL + '[operation."tthc.dance"]\npath = "/x"\n', "tthc.dance: not in the contract"),
    ("no system for it", SMALL + '[operation."tthc.queue"]\npath = "/x"\n', 'no [systems] tthc = "http://…"'),
    ("own named as ours", SMALL + '[own."tthc.queue"]\npath = "/x"\n', "is an operation of the contract"),
    ("no path", SMALL + "[own.a]\nweight = 1\n", "own.a.path: missing"),
    ("relative path", SMALL + '[own.a]\npath = "x"\n', "thu.toml:5: own.a.path: 'x' will not do"),
    ("weight", SMALL + '[own.a]\npath = "/x"\nweight = 0\n', "thu.toml:6: own.a.weight"),
    ("method", SMALL + '[own.a]\npath = "/x"\nmethod = "FETCH"\n', "thu.toml:6: own.a.method: 'FETCH' will not do"),
    ("GET with body", SMALL + '[own.a]\npath = "/x"\njson = {}\n', "a GET has no body"),
    ("two bodies", SMALL + '[own.a]\npath = "/x"\nmethod = "POST"\njson = {}\nform = {}\n', "at most one of"),
    ("unknown value", SMALL + '[own.a]\npath = "/{cccd}"\n', "thu.toml:5: own.a.path: {cccd} is not known here"),
    ("stray brace", SMALL + '[own.a]\npath = "/{x"\n', "own.a.path: a stray {"),
    ("secret in address", SMALL + '[own.a]\npath = "/{env:K}"\n', "own.a.path: {env:K}: a secret in an address"),
    ("header name", SMALL + '[own.a]\npath = "/"\nheaders = { "a b" = "1" }\n', "'a b' is no header name"),
    ("header break", SMALL + '[own.a]\npath = "/"\nheaders = { "a" = "1\\n2" }\n', "a text of one line"),
    ("reply source", SMALL + '[own.a]\npath = "/"\nreply.x = { pointr = "/a" }\n', "own.a.reply.x: should be one of"),
    ("reply pointer", SMALL + '[own.a]\npath = "/"\nreply.x = { pointer = "a" }\n', "is no JSON pointer"),
    ("reply regex", SMALL + '[own.a]\npath = "/"\nreply.x = { regex = "(" }\n', "not a regular expression"),
    ("status", SMALL + '[own.a]\npath = "/"\nok = [20]\n', "thu.toml:6: own.a.ok"),
    ("status type", SMALL + '[own.a]\npath = "/"\nok = ["200"]\n', "thu.toml:6: own.a.ok"),
    ("which system", SMALL + 'b = "http://localhost"\n[own.a]\npath = "/"\n', "own.a.system: ''"),
    ("auth", SMALL + '[auth.x]\nlogin = "no"\nheader = "Bearer {token}"\n', "auth.x.login: 'no' is no operation"),
    ("auth value", SMALL + '[auth.x]\nlogin = "tthc.login"\nheader = "A: {tokn}"\n', "{tokn} is not known here"),
    ("final read", SMALL + '[final_read]\nsystem = "b"\n', "thu.toml:5: final_read.system"),
    ("no keys", MANY + 'keys = ""\n', "thu.toml:8: final_read.keys"),
    ("settle", MANY + "settle_s = 601\n", "thu.toml:8: final_read.settle_s: 601.0 will not do; seconds from 0 to 600"),
    ("observations", MANY + 'observations = "o"\n', "thu.toml:8: final_read.observations"),
    ("no such linked system", MANY + '[final_read.bnk]\nkeys = "/k"\n', "thu.toml:8: final_read.bnk: no such system"),
    ("itself", MANY + '[final_read.sys]\nkeys = "/k"\n', "final_read.sys: this system is asked already"),
    ("asked for nothing", MANY + '[final_read.bank]\nkeys = ""\n', "final_read.bank: asked for nothing"),
    ("writes alone", MANY + '[final_read.bank]\nwrites = "/w"\n', "thu.toml:9: final_read.bank.writes: a list of"),
    ("key of a linked system", MANY + '[final_read.bank]\nkyes = "/w"\n', "final_read.bank.kyes: unknown key; did"),
    ("control", SMALL + '[control]\nsystem = "sys"\n', "control.faults: missing; a path that begins with /"),
    ("control's system", SMALL + '[control]\nsystem = "b"\nfaults = "/f"\n', "thu.toml:5: control.system"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_target_file_says_where_and_what_would_be_right(text: str, says: str) -> None:
    assert any(says in problem for problem in problems(text)), problems(text)


def test_every_problem_is_told_at_once() -> None:
    text = 'name = ""\n[systems]\nsys = "ftp://x"\n[http]\nversion = 2\n[own.a]\npath = "x"\nok = [1]\nwieght = 2\n'
    told = problems(text)
    assert [problem.split(": ")[1] for problem in told] == [
        "name", "systems.sys", "http.version", "own.a.path", "own.a.ok", "own.a.wieght",
    ]  # fmt: skip


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    told = problems(SMALL.replace("127.0.0.1", "lan:matkhau@127.0.0.1"))
    assert "matkhau" not in "".join(told)
    assert "secrets come from the environment" in told[0]


def test_a_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        targets.load(tmp_path / "khong.toml")
