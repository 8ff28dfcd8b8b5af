"""Fifty α against one fit, and the α of cross-validation on new data: python -m benchmarks.paths."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from rich.console import Console

import bladenet as bn
from benchmarks.machine import description

ROWS, NEW, RUNS, REPEATS = 2_000, 20_000, 7, 5


def surface(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, np.sin(2 * X[:, 0]) + np.abs(X[:, 1]) + 0.3 * rng.normal(size=n)


def spirals(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = bn.datasets.make_spirals(n)
    return X + 0.05 * np.random.default_rng(seed).normal(size=X.shape), y.astype(float)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    console = Console(width=130)
    console.print(description())
    console.print(f"\n50 α from α_max to α_max / 1000, {ROWS} rows × 2; one fit is at the smallest; medians of {RUNS}")
    for name, make in (("surface", surface), ("spirals", spirals)):
        X, y = make(ROWS, 0)
        least = 1e-3 * bn.beta_max(X, y)
        for tol in (1e-3, 1e-6):
            bn.path(X, y, n_alphas=2, tol=tol)  # compiles
            pairs = [
                (
                    seconds(lambda: bn.path(X, y, n_alphas=50, tol=tol)),  # noqa: B023 - called at once
                    seconds(lambda: bn.train(X, y, beta=least, tol=tol)),  # noqa: B023
                )
                for _ in range(RUNS)
            ]
            whole, single = (median(times) for times in zip(*pairs, strict=True))
            console.print(
                f"  {name:8} tol {tol:.0e}: path {whole:6.2f} s, fit {single:5.2f} s, {whole / single:4.1f} ×"
            )

    console.print(
        f"\nα of cross-validation (400 rows) on {NEW} new rows: mean loss, and the best of all α on the new rows"
    )
    for seed in range(REPEATS):
        X, y = surface(400, seed)
        X_new, y_new = surface(NEW, 100 + seed)
        for rule in ("best", "one_standard_error"):
            model = bn.BladeNetRegressorCV(rule=rule, tol=1e-3).fit(X, y)
            curve = model.validation_
            alone = [bn.train(X, y, beta=alpha * len(y), tol=1e-3).network for alpha in curve.alphas]
            losses = np.array([0.5 * np.mean((network.predict(X_new) - y_new) ** 2) for network in alone])
            here = losses[int(np.flatnonzero(curve.alphas == model.alpha_)[0])]
            error = float(curve.standard_errors[curve.means.argmin()])
            within = "within" if here <= losses.min() + error else "NOT within"
            best = f"best {losses.min():.4f} at α {curve.alphas[losses.argmin()]:.4f}"
            console.print(
                f"  {rule:18} seed {seed}: α {model.alpha_:.4f}, {len(model.network_):3} neurons, loss {here:.4f}; "
                f"{best}: {within} one standard error {error:.4f}"
            )


if __name__ == "__main__":
    main()
