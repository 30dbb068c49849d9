"""What goes into an estimator: parameters, rows, weights, targets and classes."""
