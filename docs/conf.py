"""Configuration of the documentation, which builds without network and with warnings as errors."""

import sys
import warnings
from pathlib import Path

import matplotlib

import skntk

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from api_pages import (  # noqa: E402
    AutosummaryWithoutCitations,
    skip_inherited_from_elsewhere,
    write_api_pages,
)

project = "skntk"
author = "skntk developers"
copyright = author
version = release = skntk.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/**/README.txt"]
templates_path = ["_templates"]
# A name in single backquotes is Python's, as in the docstrings of NumPy, SciPy and scikit-learn.
default_role = "py:obj"

# API pages: docstrings alone say what is public; see api_pages.py.
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Gallery: examples/plot_*.py are run, and an exception or a warning in one fails the build.
matplotlib.use("agg")
warnings.filterwarnings("error", module=r"skntk(\..*)?|__main__")
sphinx_gallery_conf = {
    "abort_on_example_error": True,
    "backreferences_dir": None,
    "download_all_examples": False,
    "examples_dirs": "../examples",
    "filename_pattern": r"/plot_",
    "gallery_dirs": "gallery",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skntk"
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
html_sidebars = {"index": [], "install": []}
html_copy_source = False
html_show_sourcelink = False


def setup(app):
    """Write the API pages before Sphinx looks for its sources."""
    write_api_pages(DOCS / "api" / "generated")
    app.add_directive("autosummary", AutosummaryWithoutCitations, override=True)
    app.connect("autodoc-skip-member", skip_inherited_from_elsewhere)
