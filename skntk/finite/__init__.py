"""Networks of finite width: many of one architecture, drawn and trained together."""

from skntk.finite.ensemble import Ensemble, check_finite_width
from skntk.finite.losses import network_losses
from skntk.finite.programs import Rates

__all__ = ["Ensemble", "Rates", "check_finite_width", "network_losses"]
