"""What to do about a module that is not what was hoped for: said by what it computes, step by step."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

LINEAR, RELU = "Linear", "ReLU"
_NORM = (
    "a batch normalisation is a scale and a shift in evaluation: fold it into the Linear next to it (after a Linear \
torch.nn.utils.fusion.fuse_linear_bn_eval does that)"
)
_SAMPLE = "it depends on the other neurons of a sample, so that this is no ReLU network: train without it, or before \
the last two Linears"
_SMOOTH = "it is no ReLU, and what is proven is about ReLU networks: train with torch.nn.ReLU instead"
_LEAKY = "each such neuron is two of ReLU, (z)_+ − a·(−z)_+: write it so, or train with torch.nn.ReLU"
_CLAMP = "if it is meant to be a ReLU, write torch.relu"
_SIGMOID = "leave it out of the module, whose output then is the score that loss='logistic' takes, with targets −1 and \
+1"
_SOFTMAX = "leave it out of the module, whose outputs then are the scores that loss='softmax' takes"

# names of functions: what they are called in messages, and what to do about them in a two-layer block
STEPS = {
    "linear": (LINEAR, ""),
    "conv1d": ("Conv1d", ""),
    "conv2d": ("Conv2d", ""),
    "relu": (RELU, ""),
    "relu_": (RELU, ""),
    "batch_norm": ("BatchNorm", _NORM),
    "layer_norm": ("LayerNorm", _SAMPLE),
    "group_norm": ("GroupNorm", _SAMPLE),
    "instance_norm": ("InstanceNorm", _SAMPLE),
    "rms_norm": ("RMSNorm", _SAMPLE),
    "leaky_relu": ("LeakyReLU", _LEAKY),
    "leaky_relu_": ("LeakyReLU", _LEAKY),
    "prelu": ("PReLU", _LEAKY),
    "rrelu": ("RReLU", _LEAKY),
    "clamp": ("clamp", _CLAMP),
    "clamp_min": ("clamp", _CLAMP),
    "clip": ("clip", _CLAMP),
    "maximum": ("maximum", _CLAMP),
    "threshold": ("Threshold", _CLAMP),
    "sigmoid": ("Sigmoid", _SIGMOID),
    "logsigmoid": ("LogSigmoid", _SIGMOID),
    "softmax": ("Softmax", _SOFTMAX),
    "log_softmax": ("LogSoftmax", _SOFTMAX),
    "tanh": ("Tanh", _SMOOTH),
    "gelu": ("GELU", _SMOOTH),
    "silu": ("SiLU", _SMOOTH),
    "mish": ("Mish", _SMOOTH),
    "elu": ("ELU", _SMOOTH),
    "selu": ("SELU", _SMOOTH),
    "celu": ("CELU", _SMOOTH),
    "softplus": ("Softplus", _SMOOTH),
    "softsign": ("Softsign", _SMOOTH),
    "relu6": ("ReLU6", _SMOOTH),
    "hardtanh": ("Hardtanh", _SMOOTH),
    "hardswish": ("Hardswish", _SMOOTH),
    "hardsigmoid": ("Hardsigmoid", _SMOOTH),
}


def last_block_of(steps: list[str]) -> list[str]:
    """The steps from the last Linear but one on."""
    linear = [k for k, step in enumerate(steps) if STEPS[step][0] == LINEAR]
    return steps[linear[-2] :] if len(linear) > 1 else steps


def advice(module: nn.Module, steps: list[str]) -> str:
    """What the steps are, and what to do about those that a two-layer block cannot have."""
    named = [STEPS[step][0] for step in steps]
    found = f" It computes {', '.join(named)}." if named else ""
    remedies = dict(STEPS[step] for step in steps if STEPS[step][1])
    if _SIGMOID in remedies.values() and named[-1] not in ("Sigmoid", "LogSigmoid"):  # as the activation of a layer
        remedies |= {name: _SMOOTH for name, remedy in remedies.items() if remedy == _SIGMOID}
    said = [f" {name}: {remedy}." for name, remedy in remedies.items()]
    if not said and named[-1:] == [RELU] and LINEAR in named[:-1]:
        said = [f" Leave out the {RELU} at the end: outputs are those of a Linear."]
    if not said and RELU not in named and LINEAR in named:
        said = [f" Without a {RELU} between them Linears are one linear map: train with torch.nn.ReLU."]
    parametrised = [name for name, part in module.named_modules() if parametrize.is_parametrized(part)]
    if parametrised:
        said.append(
            f" Layer {parametrised[0]!r} is parametrised: torch.nn.utils.parametrize.remove_parametrizations makes it "
            "a plain one."
        )
    return found + "".join(said)
