"""Kernels of infinitely wide networks as kernel objects of scikit-learn's Gaussian processes."""

from skntk.kernels.network_kernels import NNGPKernel, NTKKernel
from skntk.kernels.neural_tangent_kernel import NeuralTangentKernel

__all__ = ["NNGPKernel", "NTKKernel", "NeuralTangentKernel"]
