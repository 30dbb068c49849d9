"""The oldest versions that are tested are those that are declared."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def declared():
    """Return the oldest versions of what the package and its extras need, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    requirements = project["dependencies"] + extras["parquet"] + extras["plot"] + extras["progress"]
    return dict(requirement.split(">=") for requirement in requirements)


def constraints():
    lines = (ROOT / "tools" / "oldest.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_what_is_tested_is_what_is_declared():
    assert constraints() == declared()


@pytest.mark.parametrize("name", declared())
def test_what_is_installed_is_not_older(name):
    installed, oldest = (
        tuple(map(int, re.findall(r"\d+", text)[:2])) for text in (version(name), declared()[name])
    )
    assert installed >= oldest
