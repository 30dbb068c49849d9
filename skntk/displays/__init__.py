"""Pictures with matplotlib, by scikit-learn's Display conventions."""

from skntk.displays.feature_matrix import FeatureMatrixDisplay
from skntk.displays.gram import GramDisplay
from skntk.displays.prediction_band import PredictionBandDisplay
from skntk.displays.training_dynamics import TrainingDynamicsDisplay
from skntk.displays.training_history import TrainingHistoryDisplay

__all__ = [
    "FeatureMatrixDisplay",
    "GramDisplay",
    "PredictionBandDisplay",
    "TrainingDynamicsDisplay",
    "TrainingHistoryDisplay",
]
