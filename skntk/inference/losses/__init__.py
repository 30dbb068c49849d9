"""Training on any convex loss over time."""
