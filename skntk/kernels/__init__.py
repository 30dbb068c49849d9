"""Kernels of infinitely wide networks as kernel objects of scikit-learn's Gaussian processes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skntk.kernels.network_kernels import NNGPKernel, NTKKernel
    from skntk.kernels.neural_tangent_kernel import NeuralTangentKernel

__all__ = ["NNGPKernel", "NTKKernel", "NeuralTangentKernel"]

# sklearn.gaussian_process takes as long to import as half of this package.
_MODULES = {
    "NNGPKernel": "network_kernels",
    "NTKKernel": "network_kernels",
    "NeuralTangentKernel": "neural_tangent_kernel",
}


def __getattr__(name: str) -> Any:
    """Import a kernel when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
