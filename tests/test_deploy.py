"""The files that go onto a server: what the proxy lets in is what the line has, every setting is one, and the unit leaves no wall out."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from bot.practice_line import WORLD
from bot.settings import Mode, Settings, load_settings
from bot.variables import NAMES
from bot.wiring import web
from sealing.keyring import make_secrets
from storage.engine import open_database
from tests.peers.processes import free_port
from tests.peers.twilio_forms import PRACTICE_SID, PRACTICE_TOKEN
from tests.peers.twilio_numbers import NumbersPeer
from triage.sensitive import Sensitive

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
CADDYFILE = DEPLOY / "Caddyfile"
LOCAL_ALONE = {"/readyz"}
SECRET_VALUES = {"telegram.token": f"123456:{'a' * 35}", "telegram.webhook": "b" * 32, "twilio.token": "c" * 32}


def directives() -> dict[str, list[str]]:
    """Of the unit, in all its sections: name -> values."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "tipline.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def line_env() -> dict[str, str]:
    """As systemd reads an EnvironmentFile= whose values have double quotes and no backslash."""
    lines = (DEPLOY / "line.env").read_text(encoding="utf-8").splitlines()
    pairs = [re.fullmatch(r'(TIPLINE_[A-Z_]+)="([^"\\$`]*)"', line) for line in lines if line and not line.startswith("#")]
    assert all(pairs), "a line that systemd and sh could read differently"
    return {pair[1]: pair[2] for pair in pairs if pair is not None}


@dataclass(frozen=True)
class Disk:
    """Every file is there, with one mode; secrets have their values."""

    modes: Mapping[str, int]

    def read(self, path: str) -> str:
        return SECRET_VALUES[Path(path).name]

    def mode(self, path: str) -> int | None:
        return stat.S_IFDIR | 0o700 if path == "/var/lib/tipline" else stat.S_IFREG | self.modes.get(Path(path).parent.as_posix(), 0o600)


def the_settings(**more: str) -> Settings:
    settings = load_settings({**line_env(), **more}, Disk({}), Mode.LINE)
    assert isinstance(settings, Settings), settings
    return settings


def test_the_shipped_settings_are_settings_and_start_a_line() -> None:
    settings = the_settings()
    assert (settings.port, settings.metrics_port) == (8455, 9455)
    assert settings.channels.telegram is not None
    assert settings.channels.twilio is not None
    commented = re.findall(r"^#(TIPLINE_[A-Z_]+)=", (DEPLOY / "line.env").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name.removesuffix("_FILE") for name in (*line_env(), *commented)} <= {*NAMES}


def test_a_shell_reads_the_same_of_it_as_systemd() -> None:
    script = f'set -a; . "{DEPLOY}/line.env"; exec env -0'
    shown = subprocess.run(["/bin/sh", "-c", script], env={}, capture_output=True, check=True, timeout=10).stdout.decode().split("\0")
    assert {name: value for name, _, value in (line.partition("=") for line in shown) if name.startswith("TIPLINE_")} == line_env()


def test_the_command_for_the_operator_uses_the_unit_s_program_user_and_settings() -> None:
    script = DEPLOY / "tipline-do"
    assert script.stat().st_mode & stat.S_IXUSR
    subprocess.run(["/bin/sh", "-n", str(script)], check=True, timeout=10)
    text, unit = script.read_text(encoding="utf-8"), directives()
    program = unit["ExecStart"][0].removesuffix(" serve")
    assert unit["ExecStart"] == [f"{program} serve"]
    assert f'exec runuser -u {unit["User"][0]} -- {program} "$@"' in text
    assert f". {unit['EnvironmentFile'][0]}\n" in text
    assert line_env()["TIPLINE_HOME"] == f"/var/lib/{unit['StateDirectory'][0]}"


def test_commands_get_the_unit_s_credentials_while_they_are_there(tmp_path: Path) -> None:
    script, given = (DEPLOY / "tipline-do").read_text(encoding="utf-8"), tmp_path / "given"
    for place, here in (("/etc/tipline/line.env", DEPLOY / "line.env"), ("/run/credentials/tipline.service", given)):
        assert place in script
        script = script.replace(place, str(here))
    script = script.replace("runuser -u tipline -- /opt/tipline/.venv/bin/tipline", "env")

    def told() -> list[str]:
        shown = subprocess.run(
            ["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=10
        )
        return [line for line in shown.stdout.splitlines() if line.startswith("CREDENTIALS_DIRECTORY=")]

    assert told() == []
    given.mkdir()
    assert told() == [f"CREDENTIALS_DIRECTORY={given}"]


def test_the_unit_has_its_walls() -> None:
    unit = directives()
    yes = {
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectKernelTunables",
        "ProtectControlGroups",
        "RestrictSUIDSGID",
    }
    assert {name for name in yes if unit.get(name) == ["yes"]} == yes
    assert (unit["ProtectSystem"], unit["CapabilityBoundingSet"], unit["LimitCORE"]) == (["strict"], [""], ["0"])
    assert (unit["MemorySwapMax"], unit["Restart"], unit["UMask"]) == (["0"], ["always"], ["0077"])
    assert unit["RestrictNamespaces"] == ["user net"], "what the translation child needs, and no more"
    assert "MemoryDenyWriteExecute" not in unit, "CTranslate2 translates wrongly under it"
    assert not any("TIPLINE" in value for value in unit.get("Environment", []))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / "tipline.service"
    copy.write_text((DEPLOY / "tipline.service").read_text(encoding="utf-8").replace("/opt/tipline/.venv/bin/tipline", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False, timeout=60)
    assert [line for line in done.stderr.splitlines() if "tipline" in line] == []


def test_a_credential_of_systemd_may_show_a_group_that_reads_it() -> None:
    """Its access list shows as 0440 (systemd issue 29435); elsewhere, and for others, such a mode is refused."""
    where = "/run/credentials/tipline.service"
    for modes, given, right in (
        ({where: 0o440}, where, True),
        ({where: 0o440}, "", False),
        ({where: 0o440}, "/run/credentials", False),
        ({where: 0o444}, where, False),
        ({where: 0o460}, where, False),
    ):
        env = {**line_env(), "TIPLINE_TWILIO_AUTH_TOKEN_FILE": f"{where}/twilio.token"} | (
            {"CREDENTIALS_DIRECTORY": given} if given else {}
        )
        assert isinstance(load_settings(env, Disk(modes), Mode.LINE), Settings) is right, (modes, given)


def public_paths() -> set[str]:
    matcher = re.search(r"^\s*@public path (.+)$", CADDYFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert matcher is not None
    return set(matcher[1].split())


@pytest.mark.asyncio
async def test_the_proxy_lets_in_what_the_line_has_and_nothing_else(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets", secrets.token_bytes)
    gateway = {"TIPLINE_GATEWAY_SECRET": "d" * 32, "TIPLINE_GATEWAY_SEND_URL": "https://phone.example.org/send"}
    settings = replace(the_settings(**gateway), home=tmp_path, database_url=Sensitive(f"sqlite:///{tmp_path}/line.db"))
    database = open_database(settings.database_url.reveal())
    routes = web(settings, database, None).app.routes
    await database.close()
    assert all(isinstance(route, Route) for route in routes)
    ours = {re.sub(r"\{\w+\}", "*", route.path) for route in routes if isinstance(route, Route)}
    assert public_paths() == ours - LOCAL_ALONE
    assert ours >= LOCAL_ALONE


def test_the_proxy_goes_to_the_line_s_port_and_keeps_no_log_of_requests() -> None:
    text = re.sub(r"#.*", "", CADDYFILE.read_text(encoding="utf-8"))
    assert re.findall(r"reverse_proxy (\S+)", text) == [f"127.0.0.1:{the_settings().port}"]
    _, site = text.split("line.example.org {")
    assert re.search(r"^\s*log\b", site, re.MULTILINE) is None
    assert "admin off" in text


class Echo(BaseHTTPRequestHandler):
    """In the line's place: says what came."""

    def do_GET(self) -> None:
        told = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def caddy(folder: Path, log: Path) -> Iterator[str]:
    """The shipped file on a port of this machine, without TLS, before `Echo`."""
    echo = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=echo.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    port = free_port()
    text = CADDYFILE.read_text(encoding="utf-8").replace("line.example.org {", f"http://line.example.org:{port} {{")
    (folder / "Caddyfile").write_text(text.replace("127.0.0.1:8455", f"127.0.0.1:{echo.server_address[1]}"))
    command = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with log.open("wb") as out:
        running = subprocess.Popen(command, stdout=out, stderr=out, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    try:
        until_open(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(timeout=20)
        echo.shutdown()
        echo.server_close()
        thread.join(timeout=5)


def until_open(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("caddy does not listen")


@pytest.mark.skipif(shutil.which("caddy") is None, reason="no caddy")
def test_caddy_lets_in_and_keeps_out_as_the_file_says(tmp_path: Path) -> None:
    with (
        caddy(tmp_path, tmp_path / "log") as base,
        httpx.Client(base_url=base, headers={"Host": "line.example.org"}, trust_env=False) as client,
    ):
        for path in ("/twilio/message", "/desk", "/desk/cases/0a", "/healthz"):
            passed = client.get(f"{path}?canary", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "other"})
            assert passed.status_code == 200, path
            assert passed.json()["host"] == "line.example.org"
            assert not [name for name in passed.json() if name.startswith("x-forwarded")]
        for path in ("/readyz", "/metrics", "/handset", "/desk/other", "/practice/people", "/", "/twilio/message/x"):
            assert client.get(path).status_code == 404, path
        assert client.post("/twilio/message", content=b"x" * 100_000).status_code == 200
        assert client.post("/twilio/message", content=b"x" * 1_100_000).status_code >= 400
    assert "canary" not in (tmp_path / "log").read_text()


def test_channels_connect_tells_twilio_where_the_line_is(tmp_path: Path) -> None:
    with NumbersPeer("+15005550006") as peer:
        for name, text in {"twilio.token": PRACTICE_TOKEN, "vetters.json": "{}", "regions.toml": WORLD.read_text(encoding="utf-8")}.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
        given: dict[str, str | None] = {name: None for name in os.environ if name.startswith("TIPLINE_")}
        given |= {name: value for name, value in line_env().items() if "TELEGRAM" not in name}
        given |= {
            "TIPLINE_HOME": str(tmp_path / "home"),
            "TIPLINE_REGIONS": str(tmp_path / "regions.toml"),
            "TIPLINE_VETTERS": str(tmp_path / "vetters.json"),
            "TIPLINE_TWILIO_ACCOUNT_SID": PRACTICE_SID,
            "TIPLINE_TWILIO_AUTH_TOKEN_FILE": str(tmp_path / "twilio.token"),
            "TIPLINE_TWILIO_API_URL": peer.url,
        }
        script = ["-m", "bot", "channels", "connect"]
        done = subprocess.run(
            [sys.executable, *script],
            env={"PATH": os.environ["PATH"], **{name: value for name, value in given.items() if value is not None}},
            cwd=DEPLOY.parent, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "https://line.example.org/twilio/message" in done.stderr
        assert peer.numbers["+15005550006"]["sms_url"] == "https://line.example.org/twilio/message"
