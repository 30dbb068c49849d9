"""The unrelated distribution scikit-ntk also installs an import package called skntk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skntk
from skntk._name_clash import OTHER_DISTRIBUTION, refuse_name_clash

IMPORT_AND_TELL = """
import sys
try:
    import skntk
except ImportError as error:
    print(error)
print("jax loaded:", "jax" in sys.modules)
"""


def install_fake_distribution(folder: Path, name: str) -> None:
    """Write the metadata that an installed distribution leaves behind."""
    metadata = folder / f"{name.replace('-', '_')}-1.1.2.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.1.2\n")


def test_passes_without_the_other_distribution(monkeypatch, tmp_path):
    install_fake_distribution(tmp_path, "scikit-ntk-tools")
    monkeypatch.syspath_prepend(tmp_path)
    refuse_name_clash()


def test_names_both_distributions_and_the_remedy(monkeypatch, tmp_path):
    install_fake_distribution(tmp_path, OTHER_DISTRIBUTION)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="skntk and scikit-ntk are both installed") as error:
        refuse_name_clash()
    assert "pip uninstall --yes scikit-ntk skntk" in str(error.value)
    assert "pip install skntk" in str(error.value)


def test_import_stops(tmp_path):
    install_fake_distribution(tmp_path, OTHER_DISTRIBUTION)
    source = Path(skntk.__file__).parent.parent
    path = os.pathsep.join([str(tmp_path), str(source)])
    process = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_TELL],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("The distributions skntk and scikit-ntk are both installed")
    # The check comes before other imports, which a clash may break.
    assert process.stdout.endswith("jax loaded: False\n")


def test_reads_no_metadata_of_what_is_installed():
    """It runs at every import, and so looks for a name alone: once in every folder or archive."""
    program = """
import importlib
import sys
from skntk._name_clash import refuse_name_clash
importlib.invalidate_caches()
events = []
sys.addaudithook(lambda event, arguments: events.append(event))
refuse_name_clash()
assert events.count("open") <= len(sys.path), events
assert 0 < events.count("os.listdir") <= len(sys.path), events
"""
    subprocess.run([sys.executable, "-c", program], check=True)
