"""Recipes for tables beside other packages."""
