"""How covariances travel through a network: of vectors, and of images by pixel offset."""
