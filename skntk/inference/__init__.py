"""From kernel matrices to predictions: arrays in, arrays out.

Nothing here knows what a network is. Kernel matrices, noise on their diagonal and targets go in;
means, variances, covariances, leave-one-out predictions and samples come out, in float64.
"""

from .errors import SingularKernelError
from .gradient_flow import GradientFlowPosterior
from .held_out import centered_held_out_gradient_flow, held_out_gradient_flow
from .held_out_rows import RowPosterior, SharedKernel, TrainingRows
from .kernel_gradients import (
    KernelGradient,
    ensemble_leave_one_out_density,
    leave_one_out_density,
    marginal_likelihood,
)
from .laplace import SoftmaxLaplacePosterior
from .largest_eigenvalue import largest_eigenvalue
from .leave_one_out import centered_leave_one_out
from .loss_dynamics import LossDynamics
from .loss_flow import LossFlow, LossTrajectory
from .loss_history import ErrorMoments, errors_at_test_points, errors_at_training_points
from .losses import HalfSquaredError, Loss, SoftmaxCrossEntropy
from .momentum import HeavyBall, MomentumFlow, make_solver
from .nngp import GaussianProcessPosterior
from .noise_spectrum import NoiseSpectrum
from .ntk import EnsemblePosterior
from .readout_flow import ReadoutFlowPosterior
from .sampling import sample_gaussian
from .softmax_average import average_softmax
from .solvers import (
    GradientDescent,
    GradientFlow,
    Solver,
    as_training_time,
    as_training_times,
)
from .training_dynamics import TrainingDynamics
from .trajectory import EnsembleTrajectory, ReadoutTrajectory

__all__ = [
    "EnsemblePosterior",
    "EnsembleTrajectory",
    "ErrorMoments",
    "GaussianProcessPosterior",
    "GradientDescent",
    "GradientFlow",
    "GradientFlowPosterior",
    "HalfSquaredError",
    "HeavyBall",
    "KernelGradient",
    "Loss",
    "LossDynamics",
    "LossFlow",
    "LossTrajectory",
    "MomentumFlow",
    "NoiseSpectrum",
    "ReadoutFlowPosterior",
    "ReadoutTrajectory",
    "RowPosterior",
    "SharedKernel",
    "SingularKernelError",
    "SoftmaxCrossEntropy",
    "SoftmaxLaplacePosterior",
    "Solver",
    "TrainingDynamics",
    "TrainingRows",
    "as_training_time",
    "as_training_times",
    "average_softmax",
    "centered_held_out_gradient_flow",
    "centered_leave_one_out",
    "ensemble_leave_one_out_density",
    "errors_at_test_points",
    "errors_at_training_points",
    "held_out_gradient_flow",
    "largest_eigenvalue",
    "leave_one_out_density",
    "make_solver",
    "marginal_likelihood",
    "sample_gaussian",
]
