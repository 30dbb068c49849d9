"""What the study of defaults is made of: data sets, scores of a kernel, tables."""
