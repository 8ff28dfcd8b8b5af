"""The shape of the package: values move forward only, importing is cheap, modules stay short."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import bladenet

PACKAGE = Path(bladenet.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# data → problem → pricing ⇄ master → network → certificate → training; a module imports from earlier lines only.
# The pricing package and the master problem are one line each, free inside.
LAYERS = [
    {"losses", "algebra", "kernels", "cifar", "datasets", "display"},
    {"clock"},
    {"parallel", "checks", "gpu"},
    {"bases", "digits"},
    {"problem"},
    {"network", "blades", "dictionaries", "chambers", "isometry", "pricing"},
    {"certificate", "columns", "active_set", "restricted", "spline"},
    {"interior_point", "linear_program", "proximal_newton", "lasso", "group_lasso", "cone_program"},
    {"basis_pursuit", "master"},
    {"relaxed_dual", "joint_descent", "staged_proofs"},
    {"column_generation", "planning"},
    {"rebuilding", "interpolation"},
    {"training"},
]
CORE = set().union(*LAYERS)
LONGEST = 450


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def is_module(path):
    return path.is_dir() or path.with_suffix(".py").exists()


def imports_of(path):
    """Modules of the package that a file imports anywhere, at the top or inside a function; not for typing only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
        else:
            continue
        for name in names:
            if name.startswith("bladenet."):
                parts = name.split(".")[1:]
                while parts and not is_module(PACKAGE / Path(*parts)):
                    parts.pop()
                if parts:
                    found.add(".".join(parts))
    return found - {module_of(path)}


GRAPH = {module_of(path): imports_of(path) for path in FILES if module_of(path)}


def test_the_graph_is_read_correctly():
    # guards the tests below against a parser that finds nothing
    assert "problem" in GRAPH["training"]
    assert "kernels" in GRAPH["pricing.base"]
    assert {"losses.base", "losses.regression"} <= GRAPH["losses"]
    assert all(other.startswith("losses.") for other in GRAPH["losses"])
    assert set(GRAPH) >= CORE


def test_no_cycles():
    # guards the data flow over all modules, those outside the core too; a package stands for its modules
    packages = {name for name in GRAPH if any(other.startswith(f"{name}.") for other in GRAPH)}
    graph = {
        name: {other for other in others if other not in packages or not name.startswith(f"{other}.")}
        for name, others in GRAPH.items()
    }
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the cycle


@pytest.mark.parametrize("name", sorted(GRAPH))
def test_imports_point_backwards(name):
    # guards the layers: a problem that knows its pricer, or a pricer that knows training, cannot be tested alone
    home = name.split(".")[0]
    if home not in CORE:
        return
    rank = next(k for k, layer in enumerate(LAYERS) if home in layer)
    allowed = set().union(*LAYERS[: rank + 1])
    forward = {other for other in GRAPH[name] if other.split(".")[0] not in allowed}
    assert not forward, f"{name} imports from later stages: {sorted(forward)}"


def test_first_stages_stand_alone():
    # guards losses, algebra and kernels: they import nothing of the package
    assert GRAPH["algebra"] == set()
    losses = [name for name in GRAPH if name.split(".")[0] == "losses"]
    assert all(other.split(".")[0] == "losses" for name in losses for other in GRAPH[name])
    assert GRAPH["checks"] == {"losses"}
    kernels = [name for name in GRAPH if name.split(".")[0] == "kernels"]
    assert len(kernels) > 1
    assert all(other.split(".")[0] == "kernels" for name in kernels for other in GRAPH[name])
    assert GRAPH["problem"] <= {"losses", "checks", "display", "bases", "digits"}
    assert GRAPH["certificate"] <= {"losses", "network", "problem", "display"}
    assert (GRAPH["active_set"] | GRAPH["interior_point"]) <= {"losses", "kernels", "parallel", "restricted"}


def test_only_kernels_use_numba():
    # guards "all numba code and nothing else in kernels.py": compiled code elsewhere has no NumPy twin
    users = {module_of(path) for path in FILES if "numba" in {n.split(".")[0] for n in top_names(path)}}
    assert users == {"kernels.compiling", "kernels.ahead"}


def top_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_short(path):
    # guards the reader
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{path.name} has {lines} lines"


def in_subprocess(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_import_is_light():
    # guards start-up time: nothing heavy, nothing compiled, nothing printed until it is used
    heavy = (
        "numba",
        "sklearn",
        "pandas",
        "matplotlib",
        "torch",
        "scipy",
        "rich",
        "typer",
        "safetensors",
        "cvxpy",
        "onnx",
        "onnxruntime",
    )
    code = f"import sys, json, bladenet; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    output = in_subprocess(code)
    assert json.loads(output) == [], "and nothing else may be printed"


def test_training_does_not_load_plotting():
    # guards the core against the extras of the outer layers
    heavy = ("matplotlib", "pandas", "torch", "typer", "rich")
    code = f"import sys, json, bladenet; bladenet.train; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    assert json.loads(in_subprocess(code)) == []


@pytest.mark.parametrize("name", bladenet.__all__)
def test_exports_exist(name):
    # guards the lazy table of names, which no import checks
    assert getattr(bladenet, name) is not None
    assert name in dir(bladenet)


def test_unknown_export_is_named():
    # guards hasattr and a helpful message
    with pytest.raises(AttributeError, match=r"nonsense.*it exports train"):
        bladenet.nonsense  # noqa: B018
