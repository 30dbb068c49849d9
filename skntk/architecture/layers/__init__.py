"""Layers: what one step of a network does, at infinite and at finite width."""
