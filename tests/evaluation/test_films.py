"""Clips: frames in their own colours, results beside truths, and what is told where they do not fit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from skimage import data

from colorcli.errors import UsageError
from colorcli.evaluation.films import frames
from colorcli.evaluation.gallery import galleries
from colorcli.evaluation.measure import measure
from colorcli.evaluation.request import Request
from colorcli.metrics._batch import Batch
from colorcli.registry import METRICS


def _scene(count: int, *, chroma: float = 1.0, jump: float = 0.0, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """A photo that drifts to the left; its colours times ``chroma``, and times 1 +- ``jump`` from frame to frame."""
    photo = cv2.resize(data.astronaut(), (size[0] + count + 40, size[1] + 40), interpolation=cv2.INTER_AREA)
    shown = []
    for i in range(count):
        rgb = photo[20 : 20 + size[1], i : i + size[0]].astype(float)
        gray = rgb @ [0.2126, 0.7152, 0.0722]
        factor = chroma * (1 + jump * (-1) ** i)
        shown.append((gray[..., None] + factor * (rgb - gray[..., None])).clip(0, 255).round().astype(np.uint8))
    return shown


def _film(path: Path, pictures: list[np.ndarray]) -> Path:
    """Write a film without loss, 4:4:4 in BT.709."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        for number, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame = frame.reformat(format="yuv444p10le", dst_colorspace=1, dst_color_range=1)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of results and truths: two clips each, the results dull, one of them unsteady."""
    root = tmp_path_factory.mktemp("clips")
    for name, count, jump in (("a.mkv", 6, 0.0), ("deep/b.mkv", 9, 0.3)):
        _film(root / "truth" / name, _scene(count))
        _film(root / "results" / name, _scene(count, chroma=0.5, jump=jump))
    return root / "results", root / "truth"


def _rows(request: Request) -> dict[str, dict[str, float]]:
    systems = measure(request).measurement.systems
    return {one.name: {name: score.value for name, score in one.scores.items()} for one in systems}


def test_frames_come_in_their_own_colours(clips: tuple[Path, Path]) -> None:
    read = list(frames(clips[1] / "a.mkv"))
    assert len(read) == 6 and read[0].dtype == np.uint16
    for one, expected in zip(read, _scene(6), strict=True):
        np.testing.assert_allclose(one / 257.0, expected, atol=3)


def test_metrics_of_clips_beside_colourfulness(clips: tuple[Path, Path]) -> None:
    rows = _rows(Request(results=clips[:1], truth=clips[1], workers=1))
    names = {"cdc", "flicker", "warping-error", "cf", "chroma"}
    assert list(rows) == ["Ground truth", "Gray", str(clips[0])]
    assert all(names <= set(row) for row in rows.values())
    ours, truth, gray = rows[str(clips[0])], rows["Ground truth"], rows["Gray"]
    assert gray["flicker"] < 0.01 and gray["cf"] < 0.5 < ours["cf"] < truth["cf"]
    assert ours["flicker"] > 3 * truth["flicker"]
    expected = []
    for name in ("a.mkv", "deep/b.mkv"):
        metric = METRICS.load("flicker").METRIC()
        whole = np.stack([frame.transpose(2, 0, 1) / 65535 for frame in frames(clips[0] / name)])
        metric.update(Batch.of(torch.from_numpy(whole)))
        expected.append(metric.compute())
    assert ours["flicker"] == pytest.approx(np.mean(expected), rel=1e-4)  # each clip counts alike


def test_metrics_of_photos_go_over_all_frames(clips: tuple[Path, Path]) -> None:
    ask = Request(results=clips[:1], truth=clips[1], metrics=("auc", "auc-rebalanced", "psnr", "cf"), workers=1)
    rows = _rows(ask)
    metric = METRICS.load("psnr").METRIC()
    for name in ("a.mkv", "deep/b.mkv"):
        for frame, true in zip(frames(clips[0] / name), frames(clips[1] / name), strict=True):
            both = [torch.from_numpy(one.transpose(2, 0, 1)[None] / np.float32(65535)) for one in (frame, true)]
            metric.update(Batch.of(*both))
    assert rows[str(clips[0])]["psnr"] == pytest.approx(metric.compute(), rel=1e-5)
    assert rows["Gray"]["auc"] < rows[str(clips[0])]["auc"] < 100


def test_a_clip_is_what_a_picture_is(clips: tuple[Path, Path]) -> None:
    ask: dict[str, Any] = {"results": clips[:1], "truth": clips[1], "metrics": ("flicker", "psnr"), "bootstrap": 50}
    measured = measure(Request(per_picture=True, workers=1, **ask))
    found = measured.measurement
    assert found.unit == "clips" and found.protocol["clips"].startswith("2 of")
    assert "over clips" in found.protocol["intervals"]
    own = {one.picture: one.scores["flicker"] for one in found.pictures if one.system == str(clips[0])}
    assert own["deep/b.mkv"] > 3 * own["a.mkv"]
    score = found.systems[-1].scores["flicker"]
    assert score.value == pytest.approx(np.mean(list(own.values())))
    assert (score.low, score.high) == pytest.approx((own["a.mkv"], own["deep/b.mkv"]))
    shots = galleries(measured)[0]
    assert [shot.picture for shot in (*shots.ahead, *shots.behind)] == ["a.mkv", "deep/b.mkv"]
    assert shots.ahead[0].truth and shots.ahead[0].gray and shots.ahead[0].result


def test_without_truth_and_at_another_size(clips: tuple[Path, Path]) -> None:
    rows = _rows(Request(results=clips[:1], resize="stretch256", workers=1, metrics=("flicker", "cf")))
    assert list(rows) == [str(clips[0])] and rows[str(clips[0])]["flicker"] > 0


def test_what_does_not_fit(clips: tuple[Path, Path], tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    (tmp_path / "out").mkdir()
    for name, count in (("a.mkv", 5), ("deep/b.mkv", 9)):
        _film(truth / name, _scene(count))
    found = measure(Request(results=clips[:1], truth=truth, metrics=("flicker",), workers=1))
    [(name, error)] = found.problems
    assert name == "a.mkv" and "a.mkv: ends after 5 frames, and its partner goes on" in error.message
    assert found.measurement.systems[-1].pictures == 1
    cv2.imwrite(str(tmp_path / "out" / "a.png"), _scene(1)[0])
    with pytest.raises(UsageError, match=r"a\.mkv is a video and a\.png a photo"):
        measure(Request(results=(tmp_path / "out" / "a.png",), truth=truth / "a.mkv"))
    with pytest.raises(UsageError, match="for photos"):
        measure(Request(results=clips[:1], truth=truth, anchors=True))
    with pytest.raises(UsageError, match=r"'classifier-top1' is for photos"):
        measure(Request(results=clips[:1], truth=truth, metrics=("classifier-top1",)))
