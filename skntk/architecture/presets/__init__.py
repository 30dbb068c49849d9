"""Whole networks, built from the public layers: each kind is one file."""

from skntk.architecture.presets.attention import *  # noqa: F403
from skntk.architecture.presets.axis_aligned import *  # noqa: F403
from skntk.architecture.presets.base import *  # noqa: F403
from skntk.architecture.presets.convolutional import *  # noqa: F403
from skntk.architecture.presets.fully_connected import *  # noqa: F403
from skntk.architecture.presets.myrtle import *  # noqa: F403
from skntk.architecture.presets.wide_residual import *  # noqa: F403
