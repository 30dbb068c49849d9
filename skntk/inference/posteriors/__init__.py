"""Posteriors in closed form, from one linear system."""
