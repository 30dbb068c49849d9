"""Predictions of estimators that are made of others."""
