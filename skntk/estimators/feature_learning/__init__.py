"""Features that are learned from the gradients of fitted models."""
