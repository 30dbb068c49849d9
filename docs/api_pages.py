"""Write the pages of the API reference from what the package makes public.

Estimators, solvers, kernel functions, displays, metrics and inference come from the packages'
``__all__``; layers, combinators, activations and presets come from the registry of architectures. A
new class appears without a line here.
"""

import inspect
import re
import shutil
from pathlib import Path

from sphinx.ext.autosummary import Autosummary

import skntk
import skntk.architecture
import skntk.displays
import skntk.gram
import skntk.inference
import skntk.kernels
import skntk.metrics
import skntk.recipes
import skntk.solvers
from skntk.architecture.core.categories import CATEGORIES
from skntk.architecture.core.registry import registered


def write_api_pages(folder: Path) -> None:
    """Write all pages anew, so that none stays behind when a class is removed or renamed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages = {
        "estimators": estimators_page(),
        "solvers": solvers_page(),
        "kernels": kernels_page(),
        "architecture": architecture_page(),
        "displays": displays_page(),
        "metrics": metrics_page(),
        "inference": inference_page(),
    }
    for name, page in pages.items():
        (folder / f"{name}.rst").write_text(page)


def estimators_page() -> str:
    """Return the page of the estimators and of whatever else the package itself makes public."""
    names = [
        name
        for name in skntk.__all__
        if inspect.isclass(getattr(skntk, name))
        and name not in {*skntk.kernels.__all__, *skntk.recipes.__all__}
    ]
    functions = functions_of("skntk.estimators")
    lead = "Regressors, classifiers and transformers that follow scikit-learn's conventions."
    page = heading("Estimators", "=") + lead + "\n\n" + listing("skntk", names + functions)
    page += heading("Blocks of rows", "-") + "Rows that are not in memory, for ``fit_blocks``.\n\n"
    page += listing("skntk", functions_of("skntk.preprocessing"))
    page += heading("Recipes", "-") + "What is recommended for a kind of data, ready to fit.\n\n"
    return page + listing("skntk", skntk.recipes.__all__)


def solvers_page() -> str:
    """Return the page of what the parameter ``solver`` takes."""
    lead = "How estimators solve the linear system of a fit, as their parameter ``solver`` says."
    return heading("Solvers", "=") + lead + "\n\n" + listing("skntk.solvers", skntk.solvers.__all__)


def kernels_page() -> str:
    """Return the page of the functions that compute kernel matrices, and of kernel objects."""
    names = functions_of("skntk.gram")
    page = heading("Kernels", "=") + "The kernels themselves, for use with any kernel method.\n\n"
    page += heading("Kernel matrices", "-") + listing("skntk", names)
    page += heading("Kernel objects", "-")
    page += "For `sklearn.gaussian_process` and wherever scikit-learn takes a callable kernel.\n\n"
    return page + listing("skntk", skntk.kernels.__all__)


def functions_of(package: str) -> list[str]:
    """Return the names of the public functions that come from one folder of the package."""
    return [
        name
        for name in skntk.__all__
        if inspect.isfunction(getattr(skntk, name))
        and getattr(skntk, name).__module__.startswith(package)
    ]


def architecture_page() -> str:
    """Return the page of everything a network is made of."""
    module = "skntk.architecture"
    page = heading("Architectures", "=") + "What a network is.\n\n"
    for category, (title, lead, _) in CATEGORIES.items():
        page += heading(title, "-") + lead + "\n\n"
        if category == "activation":
            page += names_of_activations()
        page += listing(module, list(registered(category)), template="part_of_a_network.rst")
    page += heading("Finite networks", "-") + "One's own model in the place of an architecture.\n\n"
    page += listing(module, ["LinearizedNetwork"])
    page += heading("To build on", "-") + "The base classes of new layers and activations.\n\n"
    base_classes = [
        name
        for name, value in vars(skntk.architecture).items()
        if inspect.isclass(value)
        and issubclass(value, skntk.architecture.Layer)
        and name not in registered()
        and name != "LinearizedNetwork"
    ]
    return page + listing(module, sorted(base_classes))


def names_of_activations() -> str:
    """Return the sentence that lists the values of ``activation``."""
    names = ", ".join(f'``"{name}"``' for name in skntk.architecture.activation_names())
    return f"Names: {names}.\n\n"


def displays_page() -> str:
    """Return the page of the pictures."""
    lead = "Pictures with matplotlib, which follow scikit-learn's conventions for displays."
    return (
        heading("Displays", "=") + lead + "\n\n" + listing("skntk.displays", skntk.displays.__all__)
    )


def metrics_page() -> str:
    """Return the page of the metrics of predictive distributions and of their scorers."""
    scorers = [name for name in skntk.metrics.__all__ if name.endswith("_scorer")]
    metrics = [name for name in skntk.metrics.__all__ if name not in scorers]
    page = heading("Metrics", "=") + "How good predictive distributions are.\n\n"
    page += listing("skntk.metrics", metrics)
    page += heading("Scorers", "-") + "What is passed as ``scoring=``; greater is better.\n\n"
    return page + listing("skntk.metrics", scorers)


def inference_page() -> str:
    """Return the page of the functions of kernel matrices."""
    lead = (
        "What the estimators do with kernel matrices, for kernels from elsewhere: NumPy arrays in, "
        "NumPy arrays out."
    )
    return (
        heading("Inference", "=")
        + lead
        + "\n\n"
        + listing("skntk.inference", skntk.inference.__all__)
    )


def heading(text: str, underline: str) -> str:
    """Return a heading in reStructuredText."""
    return f"{text}\n{underline * len(text)}\n\n"


def listing(module: str, names: list[str], template: str | None = None) -> str:
    """Return a table of the names, each with a page of its own, or nothing if there are none."""
    if not names:
        return ""
    lines = [f".. currentmodule:: {module}", "", ".. autosummary::", "   :toctree: ."]
    if template is not None:
        lines.append(f"   :template: autosummary/{template}")
    return "\n".join([*lines, "", *(f"   {name}" for name in names)]) + "\n\n"


class AutosummaryWithoutCitations(Autosummary):
    """Tables of names and summaries in which a summary cites nothing.

    The reference list that a citation points to is on another page, that of the name itself.
    """

    def get_items(self, names):
        """Return names, signatures, summaries and full names."""
        return [
            (name, signature, re.sub(r"\s*\[[^\]]+\]_", "", summary), full_name)
            for name, signature, summary, full_name in super().get_items(names)
        ]


def skip_inherited_from_elsewhere(app, what, name, member, skip, options):
    """Leave out methods inherited from other packages: their documentation is there."""
    function = member.fget if isinstance(member, property) else member
    module = getattr(inspect.unwrap(function), "__module__", None) if callable(function) else None
    if module is not None and module.partition(".")[0] != "skntk":
        return True
    return None
