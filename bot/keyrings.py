"""Where a line's secrets lie: in TIPLINE_HOME/secrets, and what never changes where systemd gives it."""

from __future__ import annotations

from pathlib import Path

from bot.settings import Settings
from sealing.keyring import WebKeys, WorkerKeys, load_web, load_worker
from sealing.secret_files import KeyFolder

SECRETS = "secrets"


def secrets_of(settings: Settings) -> Path:
    return settings.home / SECRETS


def web_folder(settings: Settings) -> Path:
    return secrets_of(settings) / "web"


def worker_folder(settings: Settings) -> Path:
    return secrets_of(settings) / "worker"


def web_keys(settings: Settings) -> WebKeys:
    """Raises KeyringError."""
    return load_web(web_folder(settings), settings.credentials)


def worker_keys(settings: Settings) -> WorkerKeys:
    """Raises KeyringError."""
    return load_worker(worker_folder(settings), settings.credentials)


def key_folder(settings: Settings) -> KeyFolder:
    return KeyFolder(worker_folder(settings))
