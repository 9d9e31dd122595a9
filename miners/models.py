# SPDX-License-Identifier: Apache-2.0
"""Three models for `vision`, from good to poor. All map images (batch, 8, 8) to probabilities
(batch, 10).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """A network with logits, and a temperature that training fits so that its probabilities are
    honest.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("temperature", torch.ones(()))

    def logits(self, images: Tensor) -> Tensor:
        """(batch, 8, 8) -> (batch, 10)."""
        return self.net(images)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 8, 8) -> (batch, 10), rows sum to 1."""
        return torch.softmax(self.logits(images) / self.temperature, dim=1)


def cnn() -> Classifier:
    """About 40,000 parameters; sees shapes wherever they are."""
    return Classifier(
        nn.Sequential(
            nn.Unflatten(1, (1, 8)),  # (batch, 1, 8, 8)
            nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.MaxPool2d(2),  # (batch, 48, 4, 4)
            nn.Conv2d(48, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(48 * 16, 10),
        )
    )  # fmt: skip


def mlp() -> Classifier:
    """About 5,000 parameters; one hidden layer."""
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))


def linear() -> Classifier:
    """650 parameters; a template per digit."""
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))


MODELS: dict[str, Callable[[], Classifier]] = {"cnn": cnn, "mlp": mlp, "linear": linear}
