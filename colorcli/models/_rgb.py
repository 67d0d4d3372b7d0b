"""Networks that think in RGB: gray values in, red, green and blue out, and Lab only where the house asks for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colorcli.color import lab


class PredictsRGB(nn.Module):
    """A network whose :meth:`predict` gives a whole colour picture; its forward gives the ab of that picture.

    The gray value a network sees is the sRGB value v for which (v, v, v) has the lightness L. A gray photo's pixels
    are such values. For a colour picture made gray by luma the trainer hands over the L of that gray picture
    (``INFO.gray = "luma"``), so the network sees 0.299 R + 0.587 G + 0.114 B to the last digit.
    """

    def predict(self, gray: Tensor) -> Tensor:
        """Return RGB ``(B, 3, H, W)`` in 0..1, sRGB values, for gray values ``(B, 1, H, W)`` in 0..1."""
        raise NotImplementedError

    def forward_training(self, L: Tensor) -> dict[str, Tensor]:
        """Return ``"rgb"`` ``(B, 3, H, W)`` in 0..1 and ``"ab"`` ``(B, 2, H, W)`` for L ``(B, 1, H, W)``."""
        with torch.autocast(L.device.type, enabled=False):  # colour maths is in fp32
            gray = lab.L_to_gray(L.float())
        rgb = self.predict(gray).float()
        with torch.autocast(L.device.type, enabled=False):
            return {"rgb": rgb, "ab": lab.rgb_to_lab(rgb)[:, 1:]}

    def forward(self, L: Tensor) -> Tensor:
        """Return ab ``(B, 2, H, W)`` in Lab units for L ``(B, 1, H, W)`` in 0..100."""
        return self.forward_training(L)["ab"]
