"""What a decoder may be told."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """Options shared by all decoders; each uses what it has a use for.

    Attributes:
        temperature: the distribution is sharpened (below 1) or flattened (above 1) by it; None takes the decoder's
            own default.
        log_weights: ``(Q,)`` added to the logits before anything else, or None. Class rebalancing and the colour
            histogram of a reference picture both enter here: multiplying probabilities is adding logarithms.
        hints: ``(3, h, w)`` at the resolution of the logits of one picture: a, b (Lab units), and 1 where there is a
            hint; or None. See `colorcli.decoders._hints`.
        seed: for decoders that draw.
        form: ``"joint"`` or ``"report"``: the field the ``mrf`` decoder infers on.
    """

    temperature: float | None = None
    log_weights: Tensor | None = None
    hints: Tensor | None = None
    seed: int = 0
    form: str = "joint"
