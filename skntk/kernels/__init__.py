"""Kernels of infinitely wide networks as kernel objects of scikit-learn's Gaussian processes."""

from typing import TYPE_CHECKING

from skntk._lazy_imports import importing_on_demand

if TYPE_CHECKING:
    from skntk.kernels.network_kernels import NNGPKernel, NTKKernel
    from skntk.kernels.neural_tangent_kernel import NeuralTangentKernel

__all__ = ["NNGPKernel", "NTKKernel", "NeuralTangentKernel"]

# sklearn.gaussian_process takes as long to import as half of this package.
__getattr__, __dir__ = importing_on_demand(
    __name__,
    {
        "NNGPKernel": "network_kernels",
        "NTKKernel": "network_kernels",
        "NeuralTangentKernel": "neural_tangent_kernel",
    },
)
