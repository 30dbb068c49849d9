"""Lint sees the types of estimators and layers, whose base classes are scikit-learn's."""

import ast
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import skntk
from skntk import NTKRegressor
from skntk.architecture import Dense

ROOT = Path(skntk.__file__).parents[1]
METHOD = ["", "    def _wrong(self) -> None:", "        self.there_is_no_such_method()"]


def add_wrong_method(cls: type, folder: Path) -> str:
    """Add a method to the class in the copy of the package; return the path of its file."""
    path = Path(inspect.getsourcefile(cls)).relative_to(ROOT)
    lines = (ROOT / path).read_text().splitlines()
    definitions = ast.parse("\n".join(lines)).body
    (end,) = (node.end_lineno for node in definitions if getattr(node, "name", "") == cls.__name__)
    (folder / path).write_text("\n".join([*lines[:end], *METHOD, *lines[end:], ""]))
    return path.as_posix()


def test_a_method_that_is_not_there_fails_the_check_of_types(tmp_path):
    shutil.copytree(ROOT / "skntk", tmp_path / "skntk")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    paths = {add_wrong_method(cls, tmp_path) for cls in (NTKRegressor, Dense)}
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in checked.stdout.splitlines() if ": error: " in line]
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert {Path(line.split(":")[0]).as_posix() for line in errors} == paths
    assert all("there_is_no_such_method" in line for line in errors)
    assert len(errors) == len(paths)
