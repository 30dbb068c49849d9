"""Networks of finite width: many of one architecture, drawn and trained together."""

from skntk.finite.ensemble import Ensemble, check_finite_width
from skntk.finite.losses import Loss, loss_of_networks
from skntk.finite.programs import Rates

__all__ = ["Ensemble", "Loss", "Rates", "check_finite_width", "loss_of_networks"]
