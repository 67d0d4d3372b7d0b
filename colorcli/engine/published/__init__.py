"""The authors' own ways from photo to photo, one file each (colorcli.registry.PUBLISHED); ``--fit stretch`` takes them.

A network's ``INFO.pipeline`` names its own. They squash the picture to a square, enlarge colour by simple means and
clip what leaves sRGB, all of which colorcli's own way avoids; they are here so that a published result can be had
exactly as published, to compare with or to go on from.

Each module has

- ``prepare(pixels, side)``: pixels ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, to the lightness the network sees,
  ``(1, side, side)`` float32 in 0..100;
- ``answer(network, L)``: what the published network gives for L ``(B, 1, side, side)``: ab ``(B, 2, h, w)`` in Lab
  units, or RGB ``(B, 3, h, w)`` in 0..1;
- ``finish(pixels, answer, strength)``: the picture, ``(H, W, 3)`` of the dtype of ``pixels``.

The authors work on 8 bits. Here 16 bits are reduced to 8 on their way to the network, as a reader of theirs would do
it, and kept in the picture.
"""
