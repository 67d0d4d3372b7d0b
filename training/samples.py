"""Sheets of validation pictures: gray, truth, prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.color import lab
from colorcli.color.bins import centers
from colorcli.report.sheet import write_sheet
from colorcli.training.data import Pictures
from colorcli.training.recipe import Validation
from colorcli.training.task import Task, centre_crop

#: The annealed mean's temperature (Zhang et al. 2016): sheets show colour as a person would get it.
TEMPERATURE = 0.38


@torch.inference_mode()
def write_samples(
    task: Task, network: nn.Module, pictures: Pictures, path: Path, options: Validation, device: torch.device
) -> None:
    """Write a sheet of 24 pictures, evenly spread over ``pictures``, each as gray | truth | prediction."""
    rows = []
    for index in np.linspace(0, len(pictures) - 1, min(24, len(pictures))).astype(int):
        crop = centre_crop(pictures[index], options.size)
        L, ab = task.split(torch.from_numpy(crop).movedim(-1, 0)[None].to(device))
        output = network(L).float()
        if task.info.output == "logits":
            output = torch.einsum("bqhw,qc->bchw", (output / TEMPERATURE).softmax(1), centers().to(output))
        answer = F.interpolate(output, L.shape[-2:], mode="bicubic", align_corners=False)
        rows.append([_rgb(L, torch.zeros_like(ab)), crop, _rgb(L, answer)])
    write_sheet(rows, path)


def _rgb(L: Tensor, ab: Tensor) -> np.ndarray:
    rgb = lab.lab_to_rgb(torch.cat((L, ab), 1))[0].clamp(0, 1)  # for the eye only: clipped, not brought into gamut
    return (rgb.movedim(0, -1) * 255).round().byte().cpu().numpy()
