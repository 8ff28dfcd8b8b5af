"""Classes, certified: iris, wine and digits beside the usual classifiers, by five-fold cross-validation.

    python -m benchmarks.classes [--seconds 120]

Every model is fitted on standardised features with its α (or C) chosen by inner cross-validation where it has one to
choose; with many classes bladenet's α is 0.002. Printed: mean accuracy and log-loss on the folds left out, seconds per
fit, and for bladenet the certificates.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import bladenet as bn
from benchmarks.machine import description

MANY = 5
WINE = ["alcohol", "flavanoids", "color_intensity", "proline"]


def data_sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    iris, wine, digits = load_iris(), load_wine(as_frame=True), load_digits()
    reduced = PCA(6, random_state=0).fit_transform(digits.data)
    return {
        "iris, petals": (iris.data[:, 2:], iris.target),
        "iris": (iris.data, iris.target),
        "wine, 4 features": (wine.data[WINE].to_numpy(), wine.target.to_numpy()),
        "digits, 6 components": (reduced, digits.target),
    }


def models(seconds: float, classes: int) -> dict[str, object]:
    if classes > MANY:  # a fit takes most of a minute
        ours = bn.BladeNetClassifier(alpha=2e-3, scaling="standard", tol=1e-3, time_limit=seconds)
    else:
        ours = bn.BladeNetClassifierCV(n_alphas=10, eps=1e-3, cv=3, scaling="standard", tol=1e-3, time_limit=seconds)
    return {
        "bladenet": ours,
        "logistic": make_pipeline(StandardScaler(), LogisticRegressionCV(max_iter=5000, scoring="neg_log_loss")),
        "SVC (rbf)": GridSearchCV(
            make_pipeline(StandardScaler(), SVC()), {"svc__C": 10.0 ** np.arange(-1, 4), "svc__gamma": [0.03, 0.1, 0.3]}
        ),
        "MLP (100)": make_pipeline(StandardScaler(), MLPClassifier(max_iter=2000, random_state=0)),
        "boosting": HistGradientBoostingClassifier(random_state=0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="time limit of each fit of bladenet")
    seconds = parser.parse_args().seconds
    print(description())
    for name, (X, y) in data_sets().items():
        print(f"\n{name}: {len(y)} samples, {len(np.unique(y))} classes")
        folds = list(StratifiedKFold(5, shuffle=True, random_state=1).split(X, y))
        for kind, model in models(seconds, len(np.unique(y))).items():
            accuracy, loss, spent, notes = [], [], [], []
            for train, test in folds:
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    warnings.simplefilter("ignore", FutureWarning)
                    model.fit(X[train], y[train])
                spent.append(time.perf_counter() - start)
                accuracy.append(accuracy_score(y[test], model.predict(X[test])))
                if hasattr(model, "predict_proba"):
                    loss.append(log_loss(y[test], model.predict_proba(X[test]), labels=np.unique(y)))
                if kind == "bladenet":
                    notes.append(f"{model.certificate_.status.value} {model.certificate_.gap:.0e}")
            shown = f"{np.mean(loss):8.3f}" if loss else "       –"
            spread = np.std(accuracy) / np.sqrt(len(folds))
            print(
                f"  {kind:10} accuracy {np.mean(accuracy):.3f} ± {spread:.3f}  log-loss {shown}  "
                f"{np.median(spent):7.2f} s  {', '.join(notes)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
