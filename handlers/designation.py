"""Speakable names of cases for readers ("teal heron"), from the random case id: they say nothing about the tip."""

from __future__ import annotations

COLOURS = (
    "amber", "ash", "azure", "beige", "black", "blue", "brass", "bronze", "brown", "coral", "copper", "cream", "crimson", "gold", "green",
    "grey", "indigo", "ivory", "jade", "lemon", "lilac", "lime", "mint", "navy", "ochre", "olive", "opal", "orange", "pearl", "pink",
    "plum", "purple", "red", "rose", "ruby", "rust", "sand", "silver", "teal", "white",
)  # fmt: skip
BIRDS = (
    "avocet", "bulbul", "bunting", "crane", "crow", "cuckoo", "curlew", "dove", "duck", "eagle", "egret", "falcon", "finch", "gannet",
    "goose", "grebe", "gull", "hawk", "heron", "hoopoe", "ibis", "jay", "kestrel", "kite", "lark", "linnet", "magpie", "martin", "oriole",
    "osprey", "owl", "petrel", "pipit", "plover", "quail", "raven", "robin", "rook", "shrike", "skylark", "sparrow", "starling", "stork",
    "swallow", "swan", "swift", "teal", "tern", "thrush", "wren",
)  # fmt: skip


def designation(case_id: str) -> str:
    """2,000 names: two open cases of one reader rarely share one, and the random id tells them apart when they do."""
    number = int(case_id[:12], 16)
    return f"{COLOURS[number % len(COLOURS)]} {BIRDS[number // len(COLOURS) % len(BIRDS)]}"
