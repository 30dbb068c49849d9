"""Build the wheel, install it into a fresh environment and use the installed copy.

Nothing but the declared runtime dependencies is installed, so that an import of anything else fails
here, and the working directory is elsewhere, so that the source tree cannot stand in for the wheel.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

USE_THE_INSTALLED_COPY = """
import importlib.resources
import pathlib
import sys

import numpy as np

import skntk
from skntk import NNGPRegressor, NTKClassifier, gram_matrix
from skntk.architecture import FullyConnected

assert pathlib.Path(sys.prefix) in pathlib.Path(skntk.__file__).parents, skntk.__file__
assert (importlib.resources.files("skntk") / "py.typed").is_file()
assert skntk.__version__ == sys.argv[1], skntk.__version__

X = np.random.default_rng(0).normal(size=(30, 3))
kernel = gram_matrix(FullyConnected(depth=2), X)
assert kernel.shape == (30, 30) and np.allclose(kernel, kernel.T)

mean, std = NNGPRegressor(alpha=1e-2).fit(X, X[:, 0]).predict(X, return_std=True)
assert np.corrcoef(mean, X[:, 0])[0, 1] > 0.99 and np.all(std > 0)

labels = X[:, 0] > 0
assert NTKClassifier(alpha=1e-2).fit(X, labels).score(X, labels) > 0.9
print("skntk", skntk.__version__, "works as installed from the wheel")
"""


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command in a folder; stop with its exit status if it fails."""
    status = subprocess.run([str(part) for part in command], cwd=cwd, check=False).returncode
    if status != 0:
        sys.exit(f"Failed with status {status}: {' '.join(map(str, command[:4]))} ...")


def build_wheel(folder: Path) -> Path:
    """Build the wheel into the folder and return its path."""
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("skntk-*.whl")
    return wheel


def main() -> None:
    """Build, install, use."""
    with tempfile.TemporaryDirectory(prefix="skntk-wheel-") as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        environment = folder / "environment"
        venv.create(environment, with_pip=True)
        python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        run(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
        # -I: neither the environment's PYTHONPATH nor the working directory adds to the path.
        version = wheel.name.split("-")[1]
        run(python, "-I", "-W", "error", "-c", USE_THE_INSTALLED_COPY, version, cwd=folder)


if __name__ == "__main__":
    main()
