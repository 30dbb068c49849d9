"""Checked arrays, factorizations and products: the linear algebra of all posteriors."""
