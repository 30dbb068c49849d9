"""Inference through inducing points: sums over any number of rows, and posteriors from them."""
