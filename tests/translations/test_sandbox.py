"""Each wall alone, in a process of its own, against a real listener, with the same call shown to work without the wall."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from translations.engine import child_environment

pytestmark = [pytest.mark.linux, pytest.mark.enable_socket, pytest.mark.skipif(sys.platform != "linux", reason="Linux walls")]

SCRIPT = """
import json, resource, socket, sys, threading
from translations import sandbox
said = eval(sys.argv[1])
def attempt(family, address):
    try:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            s.connect(address)
            return s.recv(5).decode()
    except OSError as error:
        return error.errno
tcp = (socket.AF_INET, ("127.0.0.1", int(sys.argv[2])))
result = {"said": said, "tcp": attempt(*tcp), "unix": attempt(socket.AF_UNIX, sys.argv[3])}
thread = threading.Thread(target=lambda: result.update(thread=attempt(*tcp)))
thread.start(); thread.join()
result["core"] = resource.getrlimit(resource.RLIMIT_CORE)[0]
print(json.dumps(result))
"""


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A TCP port and a Unix socket that say hello to whoever connects."""
    path = tmp_path / "door"
    greeter = """
import selectors, socket, sys
poll = selectors.DefaultSelector()
tcp = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX); unix.bind(sys.argv[1]); unix.listen()
for door in (tcp, unix): poll.register(door, selectors.EVENT_READ)
print(tcp.getsockname()[1], flush=True)
while True:
    for key, _ in poll.select():
        guest, _ = key.fileobj.accept()
        guest.sendall(b"hello"); guest.close()
"""
    with subprocess.Popen([sys.executable, "-c", greeter, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield port, str(path)
        process.kill()


def inside(wall: str, doors: tuple[str, str]) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, wall, *doors], env=child_environment(), capture_output=True, check=True, timeout=30
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_without_a_wall_every_door_opens(doors: tuple[str, str]) -> None:
    found = inside("None", doors)
    assert (found["tcp"], found["unix"], found["thread"]) == ("hello", "hello", "hello")


def test_the_namespace_has_no_network(doors: tuple[str, str]) -> None:
    found = inside("sandbox.unshare_network()", doors)
    if found["said"] is False:
        pytest.skip("this machine refuses user namespaces")
    assert "hello" not in (found["tcp"], found["thread"])
    assert found["unix"] == "hello", "a namespace alone leaves Unix sockets open: the filter is needed with it"


@pytest.mark.claim("T16")
def test_the_filter_refuses_every_socket_in_every_thread(doors: tuple[str, str]) -> None:
    if platform.machine() not in {"x86_64", "aarch64"}:
        pytest.skip("no call numbers for this machine")
    found = inside("sandbox.deny_sockets()", doors)
    eperm = 1
    assert found["said"] is True
    assert (found["tcp"], found["unix"], found["thread"]) == (eperm, eperm, eperm)


@pytest.mark.claim("T16")
def test_both_walls_and_no_core_dump(doors: tuple[str, str]) -> None:
    found = inside("sandbox.enter()", doors)
    assert found["said"] in {"namespace", "seccomp"}
    assert "hello" not in (found["tcp"], found["unix"], found["thread"])
    assert found["core"] == 0


def test_the_filter_stands_alone_where_namespaces_are_refused(doors: tuple[str, str]) -> None:
    """As in most containers; here a first namespace of our own forbids any further one."""
    forbid = (
        "(sandbox.ctypes.CDLL(None).unshare(0x10000000), open('/proc/sys/user/max_user_namespaces', 'w').write('0'), sandbox.enter())[-1]"
    )
    try:
        found = inside(forbid, doors)
    except subprocess.CalledProcessError:
        pytest.skip("this machine refuses user namespaces altogether")
    assert found["said"] == "seccomp"
    assert "hello" not in (found["tcp"], found["unix"], found["thread"])


def test_the_child_enters_before_it_loads_anything_that_starts_threads() -> None:
    code = "import sys; import translations.child; print(any(name in sys.modules for name in ('numpy', 'ctranslate2', 'sentencepiece')))"
    done = subprocess.run([sys.executable, "-P", "-c", code], env=child_environment(), capture_output=True, check=True, timeout=30)
    assert done.stdout.strip() == b"False"
