"""Spread the pricing of a training over a dask cluster, here of two workers on this machine: the same certificate.

Run ``python examples/dask_cluster.py``, or give it the address of the scheduler of a running cluster. It needs
``pip install distributed``, there and here.
"""

import sys
import time

import joblib
import numpy as np
from dask.distributed import Client

import bladenet as bn

SAMPLES, FEATURES = 1000, 4


def timed_training():
    """Train on noisy data of four features; print how long it took, and the certificate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(SAMPLES, FEATURES))
    y = np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=SAMPLES)
    started = time.perf_counter()
    fit = bn.train(X, y, beta=0.05 * SAMPLES, tol=1e-4)
    print(f"{time.perf_counter() - started:.1f} s. {fit.certificate}")
    return fit.certificate


def main():
    """Train with threads, then on the cluster."""
    timed_training()  # compiles, or loads what has been compiled
    print("\nThreads of this process:")
    here = timed_training()
    cluster = {"address": sys.argv[1]} if len(sys.argv) > 1 else {"n_workers": 2, "threads_per_worker": 1}
    with Client(**cluster) as client, joblib.parallel_config(backend="dask"):
        print(f"\nDask, {sum(client.ncores().values())} threads of {len(client.ncores())} workers:")
        timed_training()  # every worker loads what has been compiled
        there = timed_training()
    print("\nThe same objective and bound:", here.objective == there.objective, here.lower_bound == there.lower_bound)


if __name__ == "__main__":  # the workers of a local cluster import this file
    main()
