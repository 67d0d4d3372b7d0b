"""A classifier that looks at recoloured pictures: found, loaded, and told what it looks at.

What can be named: a file of weights (safetensors, or a torch file with a state dict) of VGG16 or a ResNet, under the
names of torchvision or timm, any number of classes; or any network as ``torch.export.save`` writes it (``.pt2``), which
takes ``(1, 3, S, S)`` and gives ``(1, classes)``. The picture's shorter side is brought to 8/7 of S (bilinear with
antialiasing), the centre of S x S cut out, and ImageNet's mean and deviation applied, as torchvision's and timm's
classifiers expect it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorcli.errors import UsageError, WeightsError
from colorcli.metrics._batch import Pictures
from colorcli.models.backbones import resnet, vgg
from colorcli.weights import cache, checkpoint, hub
from colorcli.weights.card import Source
from colorcli.weights.load import differences

#: Side over shorter side of the whole picture.
CROP = 0.875
#: torchvision's weights (IMAGENET1K_V1), as timm publishes them.
VGG16 = Source(kind="hub", repository="timm/vgg16.tv_in1k", file="model.safetensors")


class Classifier:
    """A network, and what is done to pictures before it sees them.

    Args:
        path: of the weights or the exported program.
        size: side of the network's input.

    Attributes:
        name: of the architecture.
        path: as given.

    Raises:
        UsageError: there is no such file.
        WeightsError: it is damaged, or of no network that is known.
    """

    def __init__(self, path: Path, size: int = 224) -> None:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file", hint="name the classifier's weights")
        self.path, self.size = path, size
        self.name: str
        self._network: Callable[[Tensor], Tensor]
        self.name, self._network = _exported(path) if path.suffix == ".pt2" else _known(path)
        self._seen: WeakKeyDictionary[Pictures, Tensor] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[Callable[[Path, int], Classifier], tuple[Path, int]]:
        return load, (self.path, self.size)

    def scores(self, pictures: Pictures) -> Tensor:
        """Return class scores ``(B, classes)``, computed once for the same pictures.

        Raises:
            WeightsError: the network fails on them, or answers with something else.
        """
        if pictures not in self._seen:
            one_by_one = self.path.suffix == ".pt2"  # which may have been made for no more
            parts = [rgb[None] for rgb in pictures.rgb] if one_by_one else [pictures.rgb]
            self._seen[pictures] = torch.cat([self._score(rgb) for rgb in parts])
        return self._seen[pictures]

    @torch.inference_mode()
    def _score(self, rgb: Tensor) -> Tensor:
        try:
            found = self._network(vgg.normalize(centre(rgb.cpu().clamp(0, 1), self.size)))
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:  # an exported program has its own mind
            reason = str(error).strip().splitlines()[0]
            shape = f"({len(rgb)}, 3, {self.size}, {self.size})"
            raise WeightsError(
                f"{self.path}: the network fails on {shape}: {reason}", hint="give it the size that it was made for"
            ) from error
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(rgb) or not found.isfinite().all():
            shown = (*found.shape,) if isinstance(found, Tensor) else type(found).__name__
            raise WeightsError(f"{self.path}: a classifier gives finite scores (B, classes), this one gave {shown}")
        return found.float()

    def words(self) -> str:
        """Return network, weights and preprocessing in words."""
        shorter = round(self.size / CROP)
        return (
            f"{self.name}, weights {cache.sha256_of(self.path)[:12]} ({self.path.name}), shorter side to {shorter} "
            f"(bilinear, antialiased), centre {self.size} x {self.size}, ImageNet mean and deviation"
        )


@functools.lru_cache(maxsize=2)
def load(path: Path, size: int = 224) -> Classifier:
    """Return the :class:`Classifier`; metrics that name the same one share it."""
    return Classifier(path, size)


def published() -> Path:
    """Return the file of ImageNet's VGG16 in the Hub's cache: it is taken where no classifier is named.

    Raises:
        WeightsError: it is not there; nothing is downloaded.
    """
    found = hub.cached(VGG16, "")
    if found is None:
        raise WeightsError(
            "no classifier is named, and VGG16 is not in the Hub's cache",
            hint=f"hf download {VGG16.repository} {VGG16.file}, or --set classifier.weights=FILE (torchvision's or "
            "timm's VGG16 or ResNet, or a .pt2 of torch.export)",
        )
    return found


def centre(rgb: Tensor, size: int) -> Tensor:
    """Return the centre of pictures ``(B, 3, H, W)``, ``(B, 3, size, size)``, the shorter side being 8/7 of it."""
    height, width = rgb.shape[-2:]
    factor = round(size / CROP) / min(height, width)
    whole = max(size, round(height * factor)), max(size, round(width * factor))
    small = F.interpolate(rgb, whole, mode="bilinear", align_corners=False, antialias=True)
    top, left = (whole[0] - size) // 2, (whole[1] - size) // 2
    return small[..., top : top + size, left : left + size]


def _exported(path: Path) -> tuple[str, Callable[[Tensor], Tensor]]:
    try:
        program = torch.export.load(path)
        return "exported program", program.module()
    except Exception as error:  # unpacking fails in any way it likes
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{path}: not readable as an exported program: {reason}",
                           hint="torch.export.save writes one") from error  # fmt: skip


def _known(path: Path) -> tuple[str, nn.Module]:
    state = vgg.torchvision_keys(checkpoint.read(path).state)
    name, network = _vgg(state) or _resnet(state) or (None, None)
    if network is None or name is None:
        raise WeightsError(
            f"{path}: the weights of no classifier that is known",
            hint="VGG16 and ResNets under torchvision's or timm's names; any other network as torch.export.save's .pt2",
        )
    lines = differences(network.state_dict(), state)
    if lines:
        raise WeightsError(f"{path}: does not fit {name}\n  " + "\n  ".join(lines), hint="take the published file")
    network.load_state_dict(state)
    return name, network.float().requires_grad_(False).eval()


def _vgg(state: Mapping[str, Tensor]) -> tuple[str, nn.Module] | None:
    first, last = state.get("features.0.weight"), state.get("classifier.6.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 2:
        return None
    return "vgg16", vgg.VGG16(len(last), width=len(first), hidden=last.shape[1])


def _resnet(state: Mapping[str, Tensor]) -> tuple[str, nn.Module] | None:
    first, last = state.get("conv1.weight"), state.get("fc.weight")
    blocks = {match[1] for key in state if (match := re.match(r"(layer[1-4]\.\d+)\.conv1\.weight$", key))}
    layers = tuple(sum(block.startswith(f"layer{stage}.") for block in blocks) for stage in (1, 2, 3, 4))
    if first is None or last is None or first.ndim != 4 or last.ndim != 2 or 0 in layers:
        return None
    deep = "layer1.0.conv3.weight" in state
    block = resnet.Bottleneck if deep else resnet.BasicBlock
    depth = sum(layers) * (3 if deep else 2) + 2
    return f"resnet{depth}", resnet.ResNet(block, layers, classes=len(last), width=len(first))
