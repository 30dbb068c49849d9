"""Fits of many rows: their data, one fit in a process of its own, its floor, and the figure."""
