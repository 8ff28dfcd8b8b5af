"""The README does what it says: its commands are CI's, and its Python runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_ci_calls_the_two_commands():
    # guards against a README whose commands nobody runs
    commands = re.findall(r"^    (python3 -m venv .*)$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for command in commands:
        assert command in script


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block, tmp_path):
    # guards the examples: every line runs, in a process and folder of their own
    if "dask" in block:
        pytest.importorskip("distributed")
    if "torch" in block:
        pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "GLOBAL" in done.stdout


def test_there_are_python_blocks_to_run():
    # guards the pattern above: a README whose blocks are not found passes everything
    assert len(BLOCKS) == 8


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()
