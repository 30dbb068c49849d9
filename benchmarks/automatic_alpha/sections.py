"""A file of results whose sections are written one at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing import machine


def write_section(path: Path, titles: Sequence[str], title: str, text: str) -> None:
    """Write a section of a file in the order of all titles, and keep the others."""
    sections = read_sections(path) | {title: f"{text}\n\n{machine()}"}
    known = [name for name in titles if name in sections]
    path.write_text("\n\n".join(f"### {name}\n\n{sections[name]}" for name in known) + "\n")


def read_sections(path: Path) -> dict[str, str]:
    text = path.read_text() if path.exists() else ""
    parts = re.split(r"^### (.*)$", text, flags=re.MULTILINE)[1:]
    return {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}
