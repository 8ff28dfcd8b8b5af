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
