"""Cross-validation in closed form, and over the time of training."""
