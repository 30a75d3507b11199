"""The two pages, each one document with its script and style inside, under a policy that allows exactly those two by hash.

`desk/static` is built from `desk/src` by `make bundle` and committed, so that running Tipline needs no node; every file is checked
against `SHA256SUMS` before it is served.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

STATIC = Path(__file__).parent / "static"
SUMS = "SHA256SUMS"
# What would end the element early, or that a parser would change before hashing.
FORBIDDEN = {"js": (b"</script", b"<!--", b"\r"), "css": (b"</style", b"<!--", b"\r")}

FIXED = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), bluetooth=(), payment=()",
}


class BundleError(Exception):
    """A page's files are missing or not the ones that were built. Names the file."""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole document (UTF-8) and the headers it must be served with."""

    html: bytes
    headers: Mapping[str, str]


@cache
def desk_page() -> Page:
    """The investigators' desk. Raises BundleError; call it once at the start."""
    return build_page("desk", STATIC)


@cache
def handset_page() -> Page:
    """The practice phones. Raises BundleError; call it once at the start."""
    return build_page("handset", STATIC)


def build_page(name: str, folder: Path) -> Page:
    """Raises BundleError."""
    files = verified(folder)
    try:
        template, style, script = (files[f"{name}.{kind}"] for kind in ("html", "css", "js"))
    except KeyError as missing:
        raise BundleError(f"{missing.args[0]} is not in {SUMS}; run `make bundle`") from None
    for kind, content in (("css", style), ("js", script)):
        if any(part in content for part in FORBIDDEN[kind]):
            raise BundleError(f"{name}.{kind} cannot stand inside a document")
    if template.count(b"/*STYLE*/") != 1 or template.count(b"/*SCRIPT*/") != 1:
        raise BundleError(f"{name}.html has no place for its style and script")
    html = template.replace(b"/*STYLE*/", style).replace(b"/*SCRIPT*/", script)
    return Page(html, MappingProxyType({**FIXED, "Content-Security-Policy": policy(style, script)}))


def verified(folder: Path) -> Mapping[str, bytes]:
    """Every file that SHA256SUMS names, by name. Raises BundleError when one is missing or differs."""
    try:
        lines = (folder / SUMS).read_text(encoding="ascii").splitlines()
        files = {name: (digest, (folder / name).read_bytes()) for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        raise BundleError(f"{folder.name} is incomplete; run `make bundle`") from None
    for name, (digest, content) in files.items():
        if hashlib.sha256(content).hexdigest() != digest:
            raise BundleError(f"{name} is not the file that was built; run `make bundle`")
    return {name: content for name, (_, content) in files.items()}


def policy(style: bytes, script: bytes) -> str:
    """Nothing but this style, this script and calls to our own origin; no markup is ever parsed from a string (Trusted Types)."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_source(script)}'",
            f"style-src '{_source(style)}'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _source(content: bytes) -> str:
    """CSP level 3 hash source, of the text between the tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode()
