"""What a network is: layers, activations, combinators and presets.

Each module lists in its ``__all__`` what users see, so that a new class is exported from the file
that defines it.
"""

from skntk.architecture.activations import *  # noqa: F403
from skntk.architecture.combinators.branches import *  # noqa: F403
from skntk.architecture.combinators.concatenation import *  # noqa: F403
from skntk.architecture.combinators.flips import *  # noqa: F403
from skntk.architecture.combinators.serial import *  # noqa: F403
from skntk.architecture.core.layer import *  # noqa: F403
from skntk.architecture.core.registry import *  # noqa: F403
from skntk.architecture.layers.attention import *  # noqa: F403
from skntk.architecture.layers.convolution import *  # noqa: F403
from skntk.architecture.layers.dense import *  # noqa: F403
from skntk.architecture.layers.dropout import *  # noqa: F403
from skntk.architecture.layers.feature_product import *  # noqa: F403
from skntk.architecture.layers.graphs import *  # noqa: F403
from skntk.architecture.layers.input_scale import *  # noqa: F403
from skntk.architecture.layers.linearized import *  # noqa: F403
from skntk.architecture.layers.local_convolution import *  # noqa: F403
from skntk.architecture.layers.normalization import *  # noqa: F403
from skntk.architecture.layers.one_feature import *  # noqa: F403
from skntk.architecture.layers.p_norm import *  # noqa: F403
from skntk.architecture.layers.pooling import *  # noqa: F403
from skntk.architecture.layers.position_embedding import *  # noqa: F403
from skntk.architecture.layers.reductions import *  # noqa: F403
from skntk.architecture.layers.resizing import *  # noqa: F403
from skntk.architecture.layers.transposed_convolution import *  # noqa: F403
from skntk.architecture.presets import *  # noqa: F403
