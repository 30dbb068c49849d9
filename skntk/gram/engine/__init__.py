"""What computes tiles: compiled programs, threads, devices, memory and checkpoints."""
