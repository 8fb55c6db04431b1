"""Loads a framework while it is imported."""

import torch
from broken_methods import Sound


class Heavy(Sound):
    """Needs torch, now."""

    breaks = "import-without-framework"
    device = torch.device("cpu")
