"""Random features whose inner products estimate the kernels of a network."""

from skntk.features.nngp_features import NNGPFeatures
from skntk.features.ntk_features import NTKFeatures

__all__ = ["NNGPFeatures", "NTKFeatures"]
