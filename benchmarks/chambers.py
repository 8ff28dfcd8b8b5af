"""What is guaranteed about neurons through samples only, beside what happens: python -m benchmarks.chambers."""

from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import bladenet as bn
from benchmarks import machine


def problem(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal samples, a wavy target with a kink, noise."""
    rng = np.random.default_rng([n, seed])
    X = rng.normal(size=(n, 2))
    return X, np.sin(2 * X[:, 0]) + np.maximum(X[:, 1], 0.0) + 0.3 * rng.normal(size=n)


def excess(X: np.ndarray, y: np.ndarray, beta: float, bias: bool) -> float:
    """How far the best vertices-only network is above the certified lower bound of the global optimum, relatively."""
    exact = bn.train(X, y, beta=beta, bias=bias)
    vertices = bn.train(X, y, beta=beta, bias=bias, vertices_only=True)
    return vertices.certificate.objective / exact.certificate.lower_bound - 1.0


def main(
    largest: Annotated[int, typer.Option(help="largest number of samples that networks are trained on")] = 1000,
    beta: Annotated[float, typer.Option(help="regularisation")] = 0.1,
    seeds: Annotated[int, typer.Option(help="problems of each size; the table shows the largest values")] = 3,
) -> None:
    console = Console(width=120)
    console.print(machine.description())
    plane = Table(title=f"two features, norm 2, β = {beta:g}: the worst of {seeds} problems")
    for heading in ("bias", "n", "D", "paper's c", "c of D", "c", "guaranteed excess", "actual excess"):
        plane.add_column(heading, justify="right")
    sizes = [n for n in (10, 30, 100, 300, 1000, 3000) if n <= largest]
    for bias in (False, True):
        for n in sizes:
            problems = [problem(n, seed) for seed in range(seeds)]
            reports = [bn.chamber_report(X, bias) for X, _ in problems]
            actual = max(excess(X, y, beta, bias) for X, y in problems)
            plane.add_row(
                "yes" if bias else "no",
                f"{n:,}",
                f"{max(report.diameter for report in reports):.4f}",
                f"{min(report.paper_factor for report in reports):.4f}",
                f"{min(report.diameter_factor for report in reports):.4f}",
                f"{min(report.factor for report in reports):.4f}",
                f"{100 * max(report.excess for report in reports):.3g} %",
                f"{100 * actual:.2g} %",
            )
    console.print(plane)

    higher = Table(title="more features, normal samples")
    for heading in ("features", "bias", "n", "D", "paper's c", "c of D", "c", "isometry δ", "Lemma 11's D"):
        higher.add_column(heading, justify="right")
    for d, bias, n in [
        (3, False, 300),
        (3, False, 1000),
        (3, True, 300),
        (4, False, 300),
        (4, True, 100),
        (5, False, 100),
    ]:
        report = bn.chamber_report(np.random.default_rng([d, n]).normal(size=(n, d)), bias)
        higher.add_row(
            str(d),
            "yes" if bias else "no",
            f"{n:,}",
            f"{'' if report.exact else '≤ '}{report.diameter:.4f}",
            f"{report.paper_factor:.4f}",
            f"{report.diameter_factor:.4f}",
            f"{report.factor:.4f}",
            f"{report.isometry:.3f}",
            f"{report.isometry_diameter:.3f}",
        )
    console.print(higher)


if __name__ == "__main__":
    typer.run(main)
