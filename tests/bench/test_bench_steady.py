"""What steady colours must reach, on a short drawn scene with the default network (bench_steady.py has the table)."""

from __future__ import annotations

import numpy as np
import torch
from bench_steady import Known, drawn, measure, steadied

from colorcli.engine.clip.options import SteadyOptions
from colorcli.engine.colorizer import ColorizeOptions, Colorizer
from colorcli.media.photo import Photo


def test_steady_is_steadier_and_not_grayer() -> None:
    colorizer = Colorizer(ColorizeOptions(device="cpu", size=96))
    known = Known(colorizer)
    pictures = [picture[::2, ::2].astype(np.uint16) * 257 for picture in drawn("chelsea", 14, seed=1)]
    photos = [Photo(np.ascontiguousarray(picture)) for picture in pictures]
    prepared = [colorizer.prepare(photo) for photo in photos]
    scores = []
    for amount in (0.0, 1.0):
        found, _ = steadied(known, prepared, SteadyOptions(stabilize=amount, on_color="recolor"))
        trio = zip(photos, prepared, found, strict=True)
        scores.append(measure([colorizer.finish(p, small, one.ab).pixels for p, small, one in trio], pictures))
    before, after = scores
    truth = measure(pictures, pictures)
    assert after["warping-error"] < 0.5 * before["warping-error"]
    assert abs(after["cdc"] - truth["cdc"]) < abs(before["cdc"] - truth["cdc"])
    assert after["chroma"] > 0.95 * before["chroma"]
    assert after["auc"] > before["auc"] - 0.2
    first = known.predict(prepared[:1])[0]
    assert (found[0].ab - first).norm(dim=0).mean() < 2.0
    assert torch.isfinite(found[0].ab).all()
