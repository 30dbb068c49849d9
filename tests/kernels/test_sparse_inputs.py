"""Kernel objects refuse sparse inputs as estimators do."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.kernel_ridge import KernelRidge

from skntk import NeuralTangentKernel, NNGPKernel, NTKKernel

X = np.eye(4)
KERNELS = [NNGPKernel(), NTKKernel(input_shape=(2, 2, 1)), NeuralTangentKernel(1)]
MESSAGE = r"Sparse data was passed for {}, but dense data is required\. Use '\.toarray\(\)'"


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
@pytest.mark.parametrize("sparse", [csr_array, csr_matrix])
def test_sparse_inputs(kernel, sparse):
    with pytest.raises(TypeError, match=MESSAGE.format("X")):
        kernel(sparse(X))
    with pytest.raises(TypeError, match=MESSAGE.format("X")):
        kernel.diag(sparse(X))
    with pytest.raises(TypeError, match=MESSAGE.format("[XYZ]")):
        kernel(X, sparse(X))


def test_in_an_estimator_that_takes_sparse_rows():
    with pytest.raises(TypeError, match=MESSAGE.format("X")):
        KernelRidge(kernel=NTKKernel()).fit(csr_array(X), X[:, 0])
