"""How a kernel matrix is cut into tiles, and which of them are computed."""
