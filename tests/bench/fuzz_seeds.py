"""Small sound files of every format and kind, from which `fuzz_files` makes broken ones."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

WIDTH, HEIGHT = 48, 40
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6'/></rdf:RDF></x:xmpmeta>"


def _pixels() -> np.ndarray:
    """Return (H, W, 3) uint8: smooth colour, an edge, some grain."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    grain = np.random.default_rng(1).integers(0, 24, (HEIGHT, WIDTH, 3))
    return (np.stack((x * 4, y * 5, 200 - x - y + 40 * (x > y)), axis=-1) + grain).clip(0, 255).astype(np.uint8)


RGB = _pixels()
GRAY = RGB[..., 1].copy()
DEEP = RGB.astype(np.uint16) * 257
DEEP_GRAY = DEEP[..., 1].copy()
ALPHA = np.repeat(np.linspace(0, 255, WIDTH).astype(np.uint8)[None], HEIGHT, axis=0)
RGBA = np.dstack((RGB, ALPHA))


def _exif(orientation: int = 6) -> bytes:
    """Return an EXIF block with every kind of directory: camera, Exif, GPS, a thumbnail."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "Model", "Software"
    exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 300.0, 2
    exif.get_ifd(0x8769).update({0x9003: "1931:05:04 12:00:00", 0xA002: WIDTH, 0xA003: HEIGHT, 0x927C: bytes(200)})
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return exif.tobytes()


def _icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _wide_icc() -> bytes:
    """Return a profile other than sRGB: its red and green exchanged."""
    return _icc().replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def _saved(pixels: np.ndarray | Image.Image, form: str, **words: Any) -> bytes:
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, form, **words)
    return stream.getvalue()


def _tiff(pixels: np.ndarray, **words: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **words)
    return stream.getvalue()


def _png_deep(pixels: np.ndarray) -> bytes:
    import cv2

    order = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    return cv2.imencode(".png", order)[1].tobytes()


def _jpeg() -> Iterator[bytes]:
    about = {"exif": _exif(), "icc_profile": _wide_icc(), "xmp": XMP, "comment": b"a comment", "dpi": (300, 300)}
    yield _saved(RGB, "JPEG", quality=90, **about)
    yield _saved(RGB, "JPEG", quality=80, progressive=True, icc_profile=_icc())
    yield _saved(GRAY, "JPEG", quality=90, exif=_exif(3))
    yield _saved(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=90)
    yield _saved(RGB, "JPEG", quality=70, subsampling=2, restart_marker_blocks=2)
    yield _saved(RGB, "MPO", save_all=True, append_images=[Image.fromarray(GRAY)])


def _png() -> Iterator[bytes]:
    info = PngInfo()
    info.add_text("Title", "a title")
    info.add_text("Comment", "a comment", zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    yield _saved(RGB, "PNG", pnginfo=info, exif=_exif(), icc_profile=_wide_icc(), dpi=(300, 300))
    yield _saved(RGBA, "PNG")
    yield _saved(Image.fromarray(RGB).quantize(16), "PNG", transparency=bytes(range(0, 256, 16)))
    yield _saved(Image.fromarray(GRAY).convert("1"), "PNG")
    yield _saved(GRAY, "PNG", transparency=7)
    yield _saved(DEEP_GRAY, "PNG")
    yield _png_deep(DEEP)
    yield _png_deep(np.dstack((DEEP, ALPHA.astype(np.uint16) * 257)))
    yield _saved(RGB, "PNG", save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())])


def _tiffs() -> Iterator[bytes]:
    turned = [(274, 3, 1, 6, True)]
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield _saved(RGB, "TIFF", compression=compression, icc_profile=_wide_icc(), dpi=(300, 300))
    yield _saved(Image.fromarray(GRAY).convert("1"), "TIFF", compression="group4")
    yield _saved(Image.fromarray(RGB).quantize(16), "TIFF", compression="tiff_lzw")
    yield _saved(Image.fromarray(RGB).convert("CMYK"), "TIFF")
    yield _saved(RGBA, "TIFF", compression="tiff_lzw")
    yield _tiff(DEEP, photometric="rgb", tile=(16, 16), compression="zlib", predictor=True, extratags=turned)
    yield _tiff(DEEP_GRAY, photometric="minisblack", rowsperstrip=8, byteorder=">")
    yield _tiff(np.moveaxis(DEEP, -1, 0), photometric="rgb", planarconfig="separate", compression="lzw")
    yield _tiff(RGB, photometric="rgb", bigtiff=True, compression="zstd")
    yield _tiff(RGB[..., 1] / np.float32(255), photometric="minisblack", compression="zlib", predictor=3)
    yield _tiff(RGB / np.float32(255), photometric="rgb")
    with io.BytesIO() as stream:
        with tifffile.TiffWriter(stream) as pages:
            pages.write(RGB, photometric="rgb", metadata=None)
            pages.write(GRAY[::2, ::2], photometric="minisblack", metadata=None, subfiletype=1)
        yield stream.getvalue()


def _webp() -> Iterator[bytes]:
    yield _saved(RGB, "WEBP", quality=80, exif=_exif(), icc_profile=_wide_icc(), xmp=XMP)
    yield _saved(RGBA, "WEBP", quality=80)
    yield _saved(RGBA, "WEBP", lossless=True)
    yield _saved(GRAY, "WEBP", lossless=True)
    yield _saved(RGB, "WEBP", save_all=True, append_images=[Image.fromarray(RGB[::-1].copy())])


def _avif() -> Iterator[bytes]:
    import imagecodecs

    yield _saved(RGB, "AVIF", speed=10, exif=_exif(), icc_profile=_wide_icc(), xmp=XMP)
    yield _saved(RGBA, "AVIF", speed=10)
    yield _saved(GRAY, "AVIF", speed=10, subsampling="4:0:0")
    yield imagecodecs.avif_encode(DEEP >> 6, bitspersample=10, speed=10, level=90)
    yield imagecodecs.avif_encode(DEEP >> 4, bitspersample=12, speed=10, level=90)


def _jp2() -> Iterator[bytes]:
    import imagecodecs

    yield _saved(RGB, "JPEG2000", comment=b"a comment")
    yield _saved(RGBA, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[20, 5])
    yield _saved(RGB, "JPEG2000", no_jp2=True, tile_size=(16, 16))
    yield _saved(DEEP_GRAY, "JPEG2000")
    yield imagecodecs.jpeg2k_encode(DEEP, level=0, reversible=True, codecformat="jp2")


def _bmp() -> Iterator[bytes]:
    yield _saved(RGB, "BMP", dpi=(300, 300))
    yield _saved(RGBA, "BMP")
    yield _saved(Image.fromarray(RGB).quantize(16), "BMP")
    yield _saved(Image.fromarray(GRAY).convert("1"), "BMP")
    # Eight bits, run-length coded: each row runs of one colour, then end of line; end of picture.
    rows = b"".join(b"".join(bytes((4, v)) for v in row[::4]) + b"\0\0" for row in GRAY[::-1]) + b"\0\1"
    palette = b"".join(bytes((v, v, v, 0)) for v in range(256))
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(rows), 2835, 2835, 256, 0)
    yield b"BM" + struct.pack("<IHHI", 54 + 1024 + len(rows), 0, 0, 54 + 1024) + head + palette + rows


def _pnm() -> Iterator[bytes]:
    yield _saved(RGB, "PPM")
    yield _saved(GRAY, "PPM")
    yield _saved(Image.fromarray(GRAY).convert("1"), "PPM")
    yield b"P6\n# a comment\n%d %d\n65535\n" % (WIDTH, HEIGHT) + DEEP.astype(">u2").tobytes()
    yield b"P5 %d %d 1023\n" % (WIDTH, HEIGHT) + (DEEP_GRAY >> 6).astype(">u2").tobytes()
    yield b"P3 %d %d 255\n" % (WIDTH, HEIGHT) + b" ".join(b"%d" % v for v in RGB.ravel())
    yield b"P2 %d %d 15\n" % (WIDTH, HEIGHT) + b"\n".join(b"%d" % (v >> 4) for v in GRAY.ravel())


def _heic() -> Iterator[bytes]:
    import pillow_heif

    for pixels in (RGB, RGBA, GRAY):
        heif = pillow_heif.from_pillow(Image.fromarray(pixels))
        stream = io.BytesIO()
        heif.save(stream, quality=80, exif=_exif(), xmp=XMP)
        yield stream.getvalue()


def _dng() -> Iterator[bytes]:
    """Bayer mosaics: uncompressed, and of lossless JPEG."""
    import imagecodecs

    mosaic = (DEEP_GRAY >> 4).astype(np.uint16)
    packed = imagecodecs.ljpeg_encode(mosaic, bitspersample=12)
    for data, compression in ((mosaic.tobytes(), 1), (packed, 7)):
        unity = struct.pack("<18i", *(n for k in range(9) for n in (int(k % 4 == 0), 1)))
        fields = {
            254: (4, 1, 0), 256: (4, 1, WIDTH), 257: (4, 1, HEIGHT), 258: (3, 1, 16 if compression == 1 else 12),
            259: (3, 1, compression), 262: (3, 1, 32803), 271: (2, 4, 0x004B4D41), 272: (2, 4, 0x004B4D41),
            273: (4, 1, 1024), 274: (3, 1, 6), 277: (3, 1, 1), 278: (4, 1, HEIGHT), 279: (4, 1, len(data)),
            33421: (3, 2, 0x00020002), 33422: (1, 4, 0x02010100), 50706: (1, 4, 0x00000401), 50717: (4, 1, 4095),
            50721: (10, 9, 900), 50728: (5, 3, 972), 50778: (3, 1, 21),
        }  # fmt: skip
        head = struct.pack("<H", len(fields))
        head += b"".join(struct.pack("<HHII", tag, *fields[tag]) for tag in sorted(fields))
        start = (b"II*\0\x08\0\0\0" + head).ljust(900, b"\0") + unity
        yield (start + struct.pack("<6I", *(1, 1) * 3)).ljust(1024, b"\0") + data


_MAKERS = {
    "JPEG": _jpeg, "PNG": _png, "TIFF": _tiffs, "WebP": _webp, "AVIF": _avif, "JP2": _jp2, "BMP": _bmp, "PNM": _pnm,
    "HEIC": _heic, "DNG": _dng,
}  # fmt: skip

_EXTRAS = {"HEIC": "pillow_heif", "DNG": "rawpy"}
FORMATS = tuple(name for name in _MAKERS if name not in _EXTRAS or find_spec(_EXTRAS[name]))


@cache
def seeds(form: str) -> tuple[bytes, ...]:
    """Return the sound files of one format, always the same."""
    return tuple(_MAKERS[form]())
