"""bladenet: ReLU networks trained to certified global optimality, every neuron explained by its defining samples.

Names load on first use, so that importing the package compiles and configures nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "train": "training",
    "beta_max": "training",
    "plan": "training",
    "path": "regularisation_path",
    "RegularisationPath": "regularisation_path",
    "Fit": "training",
    "Plan": "planning",
    "TrainingProblem": "problem",
    "ReLUNetwork": "network",
    "Blade": "blades",
    "dictionary": "dictionaries",
    "Dictionary": "dictionaries",
    "Certificate": "certificate",
    "certify": "assessment",
    "Assessment": "assessment",
    "Status": "certificate",
    "chamber_report": "chambers",
    "Chambers": "chambers",
    "Loss": "losses",
    "SoftmaxLoss": "losses",
    "HuberLoss": "losses",
    "QuantileLoss": "losses",
    "PoissonLoss": "losses",
    "BladeNetRegressor": "estimators",
    "BladeNetClassifier": "estimators",
    "BladeNetRegressorCV": "cross_validation",
    "BladeNetClassifierCV": "cross_validation",
    "glossary": "words",
    "PiecewiseLinear": "segments",
    "save_model": "io",
    "load_model": "io",
    "load": "io",
    "to_onnx": "export",
    "to_torch": "export",
    "to_numpy_source": "export",
    "to_sql": "export",
    "to_sql_query": "export",
}
_MODULES = ("algebra", "datasets", "multivectors", "plotting", "torch")

__all__ = [*_HOME, *_MODULES, "__version__"]

if TYPE_CHECKING:
    from bladenet.assessment import Assessment, certify
    from bladenet.blades import Blade
    from bladenet.certificate import Certificate, Status
    from bladenet.chambers import Chambers, chamber_report
    from bladenet.cross_validation import BladeNetClassifierCV, BladeNetRegressorCV
    from bladenet.dictionaries import Dictionary, dictionary
    from bladenet.estimators import BladeNetClassifier, BladeNetRegressor
    from bladenet.export import to_numpy_source, to_onnx, to_sql, to_sql_query, to_torch
    from bladenet.io import load, load_model, save_model
    from bladenet.losses import HuberLoss, Loss, PoissonLoss, QuantileLoss, SoftmaxLoss
    from bladenet.network import ReLUNetwork
    from bladenet.planning import Plan
    from bladenet.problem import TrainingProblem
    from bladenet.regularisation_path import RegularisationPath, path
    from bladenet.segments import PiecewiseLinear
    from bladenet.training import Fit, beta_max, plan, train
    from bladenet.words import glossary


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"bladenet.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"bladenet.{name}")
    raise AttributeError(f"module 'bladenet' has no attribute {name!r}; it exports {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
