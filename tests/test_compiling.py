"""That kernels are being compiled is said once, while it happens, and never where they come from the cache."""

import os
import subprocess
import sys

import pytest

from bladenet.kernels import compiling

CODE = """
import numpy as np
from bladenet.kernels import compiling, spanning_tree
compiling.SILENT = {silent}
{before}
spanning_tree(np.zeros((3, 2)), np.zeros(3, dtype=np.int64), np.zeros(3))
"""
SAID = "bladenet: compiling for this machine, which is needed once and takes a minute or two\n"
pytestmark = pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="nothing is compiled")


def errors(cache, silent, before=""):
    """What a process that uses one kernel, and a function in it, writes to stderr."""
    command = [sys.executable, "-c", CODE.format(silent=silent, before=before)]
    run = subprocess.run(
        command, env=os.environ | {"NUMBA_CACHE_DIR": str(cache)}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    return run.stderr


def test_it_is_said_once_while_it_happens_and_not_of_cached_kernels(tmp_path):
    assert errors(tmp_path, 0.0) == SAID
    assert errors(tmp_path, 0.0) == ""


@pytest.mark.slow
def test_short_compiling_is_not_told_and_the_logger_can_be_silenced(tmp_path):
    assert errors(tmp_path / "short", 1e6) == ""
    quiet = "import logging; logging.getLogger('bladenet').setLevel(logging.ERROR)"
    assert errors(tmp_path / "quiet", 0.0, quiet) == ""


def test_long_is_about_a_second():
    assert 0.5 <= compiling.SILENT <= 3.0


AHEAD = """
import numpy as np
from bladenet.kernels import spanning_tree
from bladenet.kernels.ahead import Ahead
call = "import numpy as np; from bladenet.kernels import spanning_tree; "
call += "spanning_tree(np.zeros((3, 2)), np.zeros(3, dtype=np.int64), np.zeros(3))"
ahead = Ahead(spanning_tree, {code})
for _ in range(2):
    ahead.begin()
    print(ahead.process is not None, end=" ")
    ahead.wait()
exec(call)
print(sum(spanning_tree.stats.cache_hits.values()))
"""


@pytest.mark.parametrize(("code", "hits"), [("call", 1), ("'raise MemoryError'", 0)])
def test_a_process_of_its_own_compiles_ahead_or_fails_unnoticed(code, hits, tmp_path):
    # guards the first fit on a machine: half of the time; and machines where no other process can do it
    command = [sys.executable, "-c", AHEAD.format(code=code)]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for begun in ("True False", "False False"):  # the second time it lies in the cache
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert run.stdout == f"{begun} {hits}\n", run.stderr
        hits = 1


def test_the_process_compiles_what_pricing_calls():
    # guards types: with others the kernel would be compiled again
    code = """
import numpy as np
from bladenet import kernels, train
from bladenet.pricing.branch_and_bound import compile_search
rng = np.random.default_rng(0)
X = rng.standard_normal((12, 3))
for kernel, several, Y in (
    (kernels.branch_and_bound, False, rng.standard_normal(12)),
    (kernels.branch_and_bound_of_outputs, True, rng.standard_normal((12, 2))),
):
    compile_search(several)
    assert len(kernel.signatures) == 1
    for norm, bias, pairs in ((1, True, 2), (2, False, None)):
        train(X, Y, beta=1.0, norm=norm, bias=bias, max_interaction=pairs)
    assert len(kernel.signatures) == 1, kernel.signatures
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
