"""Measurements that are run by hand: speed, our own history, the study of defaults."""
