"""How much noise a training kernel needs, told by its own data."""
