"""All numba code: plain njit functions with the formula in the docstring.

Conventions. Samples are (N, 2) or (N, d) float64, `v` is their dual variable, a neuron of the plane is a line
(w1, w2, b) and acts on a sample by a = w·x + b; h(w, b) = Σ_i v_i (w·x_i + b)_+.
"""

from bladenet.kernels.chambers import largest_chamber_of_anchors
from bladenet.kernels.climbing import climb
from bladenet.kernels.cones import branch_and_bound
from bladenet.kernels.faces import sweep_faces
from bladenet.kernels.groups import descend_groups
from bladenet.kernels.linear_algebra import cholesky_delete, scaled_part, solve_transposed, solve_triangular
from bladenet.kernels.pairs import corners, hinges, two_lines
from bladenet.kernels.scanning import scan
from bladenet.kernels.segments import start_runs, suffix_bounds
from bladenet.kernels.shedding import shed
from bladenet.kernels.sums import activations, neuron_values
from bladenet.kernels.sweeping import sweep_pencils
from bladenet.kernels.trees import spanning_tree
from bladenet.kernels.vector_cones import branch_and_bound_of_outputs

__all__ = [
    "activations",
    "branch_and_bound",
    "branch_and_bound_of_outputs",
    "cholesky_delete",
    "climb",
    "corners",
    "descend_groups",
    "hinges",
    "largest_chamber_of_anchors",
    "neuron_values",
    "scaled_part",
    "scan",
    "shed",
    "solve_transposed",
    "solve_triangular",
    "spanning_tree",
    "start_runs",
    "suffix_bounds",
    "sweep_faces",
    "sweep_pencils",
    "two_lines",
]
