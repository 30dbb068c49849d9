"""Kernel entries that are kept for estimators that ask for them again."""
