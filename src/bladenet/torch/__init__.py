"""PyTorch: find the samples behind trained neurons; polish, refine, canonicalise and certify networks.

Needs the extra ``bladenet[torch]``. A module that is handed over is never changed: results are new modules.
"""

from bladenet.torch.canonical import Canonical, CanonicalBlock, canonicalise
from bladenet.torch.neurons import LayerNeurons, Rebuilt, identify, rebuild
from bladenet.torch.polishing import Polished, Step, polish
from bladenet.torch.refining import Refined, refine
from bladenet.torch.two_layer import certify, from_torch

__all__ = [
    "Canonical",
    "CanonicalBlock",
    "LayerNeurons",
    "Polished",
    "Rebuilt",
    "Refined",
    "Step",
    "canonicalise",
    "certify",
    "from_torch",
    "identify",
    "polish",
    "rebuild",
    "refine",
]
