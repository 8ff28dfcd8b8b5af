"""For all tests: pictures need no screen and are closed; of many cases of one test, some are in the default run."""

import sys
from collections import defaultdict
from zlib import crc32

import matplotlib
import numpy as np
import pytest

MOST, MORE = 6, 6  # cases of a sampled test in the default run, and others that are slow; the rest is rare

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.hookimpl(tryfirst=True)  # before slow tests are left out
def pytest_collection_modifyitems(items):
    cases = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sampled") and not item.get_closest_marker("slow"):
            cases[item.nodeid.split("[")[0]].append(item)
    for name, some in cases.items():
        # by chance, so that no setting which comes back regularly is always left out; the same in every process
        order = np.random.default_rng(crc32(name.encode())).permutation(len(some))
        for k in order[MOST:]:
            some[k].add_marker("slow")
        for k in order[MOST + MORE :]:
            some[k].add_marker("rare")
