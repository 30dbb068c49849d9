"""Layers made of layers: one after the other, in parallel, and averaged over flips."""
