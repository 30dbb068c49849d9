"""What a network is: layers, activations, combinators and presets.

Each module lists in its ``__all__`` what users see, so that a new class is exported from the file
that defines it.
"""

from skntk.architecture.activations import *  # noqa: F403
from skntk.architecture.branches import *  # noqa: F403
from skntk.architecture.combinators import *  # noqa: F403
from skntk.architecture.concatenation import *  # noqa: F403
from skntk.architecture.dense import *  # noqa: F403
from skntk.architecture.dropout import *  # noqa: F403
from skntk.architecture.flips import *  # noqa: F403
from skntk.architecture.input_scale import *  # noqa: F403
from skntk.architecture.layer import *  # noqa: F403
from skntk.architecture.linearized import *  # noqa: F403
from skntk.architecture.normalization import *  # noqa: F403
from skntk.architecture.presets import *  # noqa: F403
from skntk.architecture.registry import *  # noqa: F403
from skntk.architecture.spatial.attention import *  # noqa: F403
from skntk.architecture.spatial.convolution import *  # noqa: F403
from skntk.architecture.spatial.graphs import *  # noqa: F403
from skntk.architecture.spatial.local_convolution import *  # noqa: F403
from skntk.architecture.spatial.pooling import *  # noqa: F403
from skntk.architecture.spatial.position_embedding import *  # noqa: F403
from skntk.architecture.spatial.reductions import *  # noqa: F403
from skntk.architecture.spatial.resizing import *  # noqa: F403
from skntk.architecture.spatial.transposed_convolution import *  # noqa: F403
