"""Gradient descent on squared error as a map of the targets, from a kernel alone."""

import numpy as np


def response(kernel, learning_rate, n_steps, alpha=0.0, momentum=0.0, weight=None):
    """Return the matrix of y - f0(X) to the coefficients of the kernel functions, step by step."""
    weight = np.ones(len(kernel)) if weight is None else weight
    before = now = np.zeros_like(kernel)
    for _ in range(n_steps):
        slope = weight[:, np.newaxis] * (kernel @ now - np.eye(len(kernel))) + alpha * now
        after = now - learning_rate / weight.sum() * slope + momentum * (now - before)
        before, now = now, after
    return now
