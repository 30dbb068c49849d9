"""The version of the installed distribution, which `pyproject.toml` alone defines."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("skntk")
except PackageNotFoundError:
    # A source tree used without installation has no metadata, and so no version to tell.
    __version__ = "0+unknown"
