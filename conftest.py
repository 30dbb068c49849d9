"""What every test run needs before it collects."""

# pytest imports a single module of the package apart from the package, if it comes first: its
# classes would then exist twice, and an object of one would not equal that of the other.
import skntk  # noqa: F401
