"""From kernel matrices to predictions: arrays in, arrays out.

Nothing here knows what a network is. Kernel matrices, noise on their diagonal and targets go in;
means, variances, covariances, leave-one-out predictions and samples come out, in float64.
"""

from typing import TYPE_CHECKING

from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.computed_operator import ComputedOperator
from skntk.inference.linalg.conjugate_gradient import (
    ConjugateGradientSolver,
    ConjugateGradientSystem,
)
from skntk.inference.linalg.errors import ConvergenceError, SingularKernelError
from skntk.inference.linalg.largest_eigenvalue import largest_eigenvalue
from skntk.inference.linalg.sampling import sample_gaussian
from skntk.inference.linalg.solver import (
    DenseOperator,
    KernelOperator,
    LinearSolver,
    LinearSystem,
)
from skntk.inference.losses.loss_dynamics import LossDynamics
from skntk.inference.losses.loss_flow import LossFlow, LossTrajectory
from skntk.inference.losses.losses import HalfSquaredError, Loss, SoftmaxCrossEntropy
from skntk.inference.posteriors.ensemble import EnsemblePosterior
from skntk.inference.posteriors.gaussian_process import GaussianProcessPosterior
from skntk.inference.posteriors.kernel_gradients import (
    KernelGradient,
    ensemble_leave_one_out_density,
    leave_one_out_density,
    marginal_likelihood,
)
from skntk.inference.posteriors.laplace import SoftmaxLaplacePosterior
from skntk.inference.posteriors.leave_one_out import centered_leave_one_out
from skntk.inference.posteriors.protocol import Posterior, TrainingRun, Trajectory
from skntk.inference.posteriors.softmax_average import average_softmax
from skntk.inference.subsets.noise_spectrum import NoiseSpectrum
from skntk.inference.subsets.precomputed_kernel import PrecomputedKernel, TrainingSubset
from skntk.inference.subsets.spectral_subset import SubsetPosterior
from skntk.inference.training.cross_validation import (
    Fold,
    centered_held_out_gradient_flow,
    held_out_gradient_flow,
)
from skntk.inference.training.gradient_flow import GradientFlowPosterior
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.loss_history import ErrorMoments, errors_at_test_points
from skntk.inference.training.momentum import HeavyBall, MomentumFlow, make_training_method
from skntk.inference.training.readout_flow import ReadoutFlowPosterior
from skntk.inference.training.training_errors import errors_at_training_points
from skntk.inference.training.training_methods import (
    GradientDescent,
    GradientFlow,
    TrainingMethod,
    as_training_time,
    as_training_times,
)
from skntk.inference.training.trajectory import EnsembleTrajectory, ReadoutTrajectory

if TYPE_CHECKING:
    # Lets the type checker compare the classes with the protocols.
    _POSTERIORS: tuple[type[Posterior], ...] = (
        EnsemblePosterior,
        GaussianProcessPosterior,
        SoftmaxLaplacePosterior,
    )
    _RUNS: tuple[type[TrainingRun], ...] = (GradientFlowPosterior, ReadoutFlowPosterior, LossFlow)
    _TRAJECTORIES: tuple[type[Trajectory], ...] = (
        EnsembleTrajectory,
        ReadoutTrajectory,
        LossTrajectory,
    )

__all__ = [
    "CholeskySolver",
    "ComputedOperator",
    "ConjugateGradientSolver",
    "ConjugateGradientSystem",
    "ConvergenceError",
    "DenseOperator",
    "EnsemblePosterior",
    "EnsembleTrajectory",
    "ErrorMoments",
    "Fold",
    "GaussianProcessPosterior",
    "GradientDescent",
    "GradientFlow",
    "GradientFlowPosterior",
    "HalfSquaredError",
    "HeavyBall",
    "KernelGradient",
    "KernelOperator",
    "KernelSpectrum",
    "LinearSolver",
    "LinearSystem",
    "Loss",
    "LossDynamics",
    "LossFlow",
    "LossTrajectory",
    "MomentumFlow",
    "NoiseSpectrum",
    "Posterior",
    "PrecomputedKernel",
    "ReadoutFlowPosterior",
    "ReadoutTrajectory",
    "SingularKernelError",
    "SoftmaxCrossEntropy",
    "SoftmaxLaplacePosterior",
    "SubsetPosterior",
    "TrainingMethod",
    "TrainingRun",
    "TrainingSubset",
    "Trajectory",
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
    "make_training_method",
    "marginal_likelihood",
    "sample_gaussian",
]
