"""Models trained on some rows of one kernel matrix that predict other rows of it."""
