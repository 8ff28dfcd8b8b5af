"""PyTorch modules of several kinds, small and with fixed weights, for the tests of bladenet.torch."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def sequential(*sizes, seed=0, dtype=torch.float64, bias=True):
    """Linear, ReLU, …, Linear."""
    torch.manual_seed(seed)
    layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair, bias=bias), nn.ReLU())]
    return nn.Sequential(*layers[:-1]).to(dtype)


class Residual(nn.Module):
    """Two functional ReLUs, one of them behind a sum, which makes no neurons."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = F.relu(self.first(x))
        return self.head(torch.relu(self.second(h) + h))


class InPlaceSum(Residual):
    """The same with the sum in place, where the tensor stays where it was."""

    def forward(self, x):
        h = self.first(x).relu_()
        g = self.second(h)
        g += h
        return self.head(g.relu())


class Convolutions(nn.Module):
    """A CNN with batch normalisation, strides, padding by name and groups."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, stride=2, padding="valid")
        self.grouped = nn.Conv2d(4, 4, 3, padding="same", groups=2)
        self.hidden, self.head = nn.Linear(4 * 3 * 3, 6), nn.Linear(6, 2)
        self.norm(self.first(torch.randn(20, 3, 8, 8)))  # statistics that are not 0 and 1
        with torch.no_grad():
            self.norm.weight.uniform_(-1.0, 2.0)
            self.norm.bias.uniform_(-1.0, 1.0)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)), inplace=True)
        x = torch.relu(self.second(x))
        x = F.relu(self.grouped(x)).flatten(1)
        return self.head(F.dropout(F.relu(self.hidden(x)), training=self.training))


class Sequences(nn.Module):
    """A one-dimensional convolution and the MLP of a transformer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv1d(5, 8, 4, padding="same", dilation=2)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        return self.block(self.conv(x).relu().transpose(1, 2)).mean(dim=1)
