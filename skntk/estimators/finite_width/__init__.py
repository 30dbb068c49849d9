"""Ensembles of networks of finite width."""
