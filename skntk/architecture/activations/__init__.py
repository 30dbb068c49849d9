"""Activations: each is one class in a file of its family.

Every class with a category enters the registry, and its name in snake case becomes a value of
``activation``.
"""

from skntk.architecture.activations.arc_cosine import *  # noqa: F403
from skntk.architecture.activations.base import *  # noqa: F403
from skntk.architecture.activations.error_function import *  # noqa: F403
from skntk.architecture.activations.expansion import *  # noqa: F403
from skntk.architecture.activations.exponential import *  # noqa: F403
from skntk.architecture.activations.names import *  # noqa: F403
from skntk.architecture.activations.polynomial import *  # noqa: F403
from skntk.architecture.activations.rectified import *  # noqa: F403
from skntk.architecture.activations.smooth import *  # noqa: F403
from skntk.architecture.activations.trigonometric import *  # noqa: F403
