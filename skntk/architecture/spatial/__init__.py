"""Layers of images and sequences, and how the kernels of their pixels travel through a network."""
