"""Training on squared error, at every time, from one eigendecomposition."""
