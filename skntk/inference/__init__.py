"""From kernel matrices to predictions: arrays in, arrays out.

Nothing here knows what a network is. Kernel matrices, noise on their diagonal and targets go in;
means, variances, covariances, leave-one-out predictions and samples come out, in float64.
"""

from .errors import SingularKernelError
from .gradient_flow import GradientFlowPosterior
from .held_out import centered_held_out_gradient_flow, held_out_gradient_flow
from .laplace import SoftmaxLaplacePosterior
from .leave_one_out import centered_leave_one_out
from .nngp import GaussianProcessPosterior
from .ntk import EnsemblePosterior
from .readout_flow import ReadoutFlowPosterior
from .sampling import sample_gaussian
from .softmax_average import average_softmax
from .training_dynamics import TrainingDynamics

__all__ = [
    "EnsemblePosterior",
    "GaussianProcessPosterior",
    "GradientFlowPosterior",
    "ReadoutFlowPosterior",
    "SingularKernelError",
    "SoftmaxLaplacePosterior",
    "TrainingDynamics",
    "average_softmax",
    "centered_held_out_gradient_flow",
    "centered_leave_one_out",
    "held_out_gradient_flow",
    "sample_gaussian",
]
