"""The models of `benchmarks.tabular`: default settings, frames in, one function per model."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


@dataclass(frozen=True)
class Model:
    """How to build a model for a task, and the package whose version stands for its results."""

    package: str
    build: Callable[[str], Any]

    @property
    def version(self) -> str:
        """The package's version, for bladenet with the state of its source."""
        return f"{version(self.package)}{source_state() if self.package == 'bladenet' else ''}"


def source_state() -> str:
    """Git's name for the tree src/bladenet, marked if there are changes it does not know of; empty outside git."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "src/bladenet")
        return f"+{git('rev-parse', '--short', 'HEAD:src/bladenet')}{'-changed' if changed else ''}"
    except (OSError, subprocess.CalledProcessError):
        return ""


def bladenet(task: str) -> Any:
    from bladenet import BladeNetClassifier, BladeNetRegressor

    estimator = BladeNetRegressor if task == "regression" else BladeNetClassifier
    return estimator(alpha="auto", norm=1, max_interaction=2, tol=1e-2)


def ebm(task: str) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    estimator = ExplainableBoostingRegressor if task == "regression" else ExplainableBoostingClassifier
    return estimator(n_jobs=2)


def boosting(task: str) -> Any:
    estimator = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return make_pipeline(one_hot(), estimator(random_state=0))


def mlp(task: str) -> Any:
    settings = {"hidden_layer_sizes": (200,), "early_stopping": True, "max_iter": 500, "random_state": 0}
    if task == "classification":
        return make_pipeline(one_hot(), StandardScaler(), MLPClassifier(**settings))
    network = make_pipeline(one_hot(), StandardScaler(), MLPRegressor(**settings))
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def gam(task: str) -> Any:
    return make_pipeline(one_hot(), AdditiveSplines(task))


def mars(task: str) -> Any:
    """Hinges with interactions of two features; for classes a logistic regression on them, as its authors do.

    At most 50 terms before pruning (R's earth: 21 to 201): the package's own limit, 2 d + n / 10, takes hours.
    """
    from pyearth import Earth

    hinges = Earth(max_degree=2, max_terms=50)
    if task == "regression":
        return make_pipeline(one_hot(), hinges)
    return make_pipeline(one_hot(), Hinges(hinges), StandardScaler(), LogisticRegression(max_iter=1_000))


def one_hot() -> ColumnTransformer:
    """Categories as columns of 0 and 1, a single one for two-valued features."""
    encoder = OneHotEncoder(handle_unknown="ignore", drop="if_binary", sparse_output=False)
    return ColumnTransformer(
        [("categories", encoder, make_column_selector(dtype_include="category"))], remainder="passthrough"
    )


class AdditiveSplines(BaseEstimator):
    """pyGAM's default spline for every feature, a straight line for those with two values only."""

    def __init__(self, task: str):
        self.task = task

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        from pygam import LinearGAM, LogisticGAM, l, s
        from pygam.terms import TermList

        columns = range(X.shape[1])
        terms = TermList(*(s(j) if len(np.unique(X[:, j])) > 2 else l(j) for j in columns))
        self.gam_ = (LinearGAM if self.task == "regression" else LogisticGAM)(terms).fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.gam_.predict(X)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        second = self.gam_.predict_proba(X)
        return np.column_stack([1.0 - second, second])


class Hinges(BaseEstimator):
    """Samples → values of the hinges that MARS selected."""

    def __init__(self, earth: Any):
        self.earth = earth

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.earth.fit(X, y.astype(np.float64))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return self.earth.transform(X)


def predicted(model: Any, X: pd.DataFrame, task: str) -> np.ndarray:
    """Numbers, or the probability of the second class."""
    values = model.predict(X) if task == "regression" else model.predict_proba(X)[:, 1]
    return np.asarray(values, dtype=np.float64).ravel()


def neurons_and_gap(model: Any) -> tuple[int | None, float | None]:
    """Neurons and certified gap of ours; neither exists for the others."""
    network = getattr(model, "network_", None)
    return (None, None) if network is None else (len(network), model.certificate_.gap)


MODELS = {  # fast ones first: that is the order of a run
    "boosting": Model("scikit-learn", boosting),
    "mlp": Model("scikit-learn", mlp),
    "gam": Model("pygam", gam),
    "mars": Model("py-earth2", mars),
    "bladenet": Model("bladenet", bladenet),
    "ebm": Model("interpret-core", ebm),
}
