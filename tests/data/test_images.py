import io
import json
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from splitlab.data.images import PHOTO_ENDINGS, load_image, load_reduced, read_photo_size
from splitlab.errors import ImageError

RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 0] = 200


def as_file(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    buffer.seek(0)
    return buffer


def test_a_photo_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = load_image(as_file(Image.fromarray(RED), format="PNG", exif=exif))
    assert turned.shape == (6, 4, 3)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "AVIF"])
def test_all_eight_ways_to_hold_a_camera_are_turned_as_pillow_turns_them(kind, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    photo = Image.effect_noise((40, 30), 80).convert("RGB")
    # AVIF's encoder does not write the same bytes twice.
    file = as_file(photo, format=kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue()))).convert("RGB")
    assert (load_image(file) == np.asarray(expected)).all()


@pytest.mark.parametrize(
    "odd",
    [
        struct.pack(">HHI4s", 0x0100, 2, 3, b"72"),
        struct.pack(">HHIf", 0x0100, 11, 1, 2.5),
        struct.pack(">HHI4s", 0x011A, 2, 3, b"72"),
    ],
    ids=["width in letters", "width with parts", "resolution in letters"],
)
def test_an_odd_exif_entry_does_not_keep_a_photo_from_being_turned(odd):
    entries = sorted([odd, struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)])
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    assert load_image(as_file(Image.fromarray(RED), format="JPEG", exif=exif)).shape == (6, 4, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_common_mode_becomes_rgb(mode):
    format_name = "TIFF" if mode == "CMYK" else "PNG"
    loaded = load_image(as_file(Image.fromarray(RED).convert(mode), format=format_name))
    assert loaded.shape == (4, 6, 3)
    assert loaded.dtype == np.uint8


def test_sixteen_bits_are_scaled_not_cut():
    deep = Image.fromarray(np.full((4, 6), 65535 // 2, np.uint16))
    assert abs(int(load_image(as_file(deep, format="PNG"))[0, 0, 0]) - 127) <= 1


def test_what_is_clear_in_an_image_becomes_white():
    clear = Image.new("RGBA", (3, 3), (10, 20, 30, 0))
    assert (load_image(as_file(clear, format="PNG")) == 255).all()


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_image_gets_one_sentence_with_its_name(content):
    with pytest.raises(ImageError, match=r"holiday\.jpg"):
        load_image(io.BytesIO(content), "holiday.jpg")


def test_a_photo_that_is_cut_short_is_refused():
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3)).astype(np.uint8)
    whole = as_file(Image.fromarray(noise), format="JPEG").getvalue()
    with pytest.raises(ImageError, match="broken or cut short"):
        load_image(io.BytesIO(whole[: len(whole) // 2]), "half.jpg")


def test_a_small_file_that_says_it_is_huge_is_refused_before_it_is_unpacked():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(ImageError, match="over 50 megapixels"):
        load_image(io.BytesIO(bomb), "bomb.png")


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ImageError, match="is not there"):
        load_image(tmp_path / "nowhere.png")


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"hevc"])
def test_a_phones_photo_is_told_by_its_content_not_its_name(brand, tmp_path):
    content = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + b"\0" * 64
    with pytest.raises(ImageError, match=r"holiday\.jpg is HEIC, which is not supported: save it as JPEG"):
        load_image(io.BytesIO(content), "holiday.jpg")
    (tmp_path / "holiday.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="is HEIC"):
        load_image(tmp_path / "holiday.jpg")


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_printers_inks_become_the_colours_they_print(format_name):
    inks = Image.new("CMYK", (6, 4), (0, 255, 255, 0))  # magenta and yellow over white are red
    red, green, blue = load_image(as_file(inks, format=format_name))[0, 0].astype(int)
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_sixteen_bit_colours_are_scaled_not_cut(extension):
    deep = np.zeros((4, 6, 3), np.uint16)
    deep[..., 2] = 50_000  # OpenCV writes blue, green, red
    content = cv2.imencode(extension, deep)[1].tobytes()
    assert abs(load_image(io.BytesIO(content))[0, 0].astype(int) - [195, 0, 0]).max() <= 1


@pytest.mark.parametrize(("levels", "expected"), [(np.int32(30_000), 117), (np.float32(0.5), 127)])
def test_levels_of_32_bits_are_scaled_not_cut(levels, expected):
    loaded = load_image(as_file(Image.fromarray(np.full((4, 6), levels)), format="TIFF"))
    assert abs(loaded[0, 0].astype(int) - expected).max() <= 1


def test_a_camera_of_50_megapixels_is_not_over_50_megapixels(monkeypatch):
    plain = as_file(Image.new("1", (8192, 6144)), format="PNG")
    assert load_image(plain, "camera.png").shape == (6144, 8192, 3)
    with pytest.raises(ImageError, match="over 50 megapixels"):
        load_image(as_file(Image.new("1", (8192, 6400)), format="PNG"), "larger.png")


@pytest.mark.parametrize("side", ["wide", "high"])
def test_a_picture_of_one_row_or_column_of_millions_is_refused_before_it_is_unpacked(side):
    size = (70_000, 1) if side == "wide" else (1, 70_000)
    with pytest.raises(ImageError, match=r"line\.png has .*70,000.* pixels; a photo has at most 65,535 on a side"):
        load_image(as_file(Image.new("L", size), format="PNG"), "line.png")
    assert load_image(as_file(Image.new("L", (1, 65_535)), format="PNG")).shape == (65_535, 1, 3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_that_is_scaled_while_it_is_read_is_the_photo_scaled_afterwards(kind, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    across, down = np.linspace(0, 255, 900), np.linspace(0, 255, 611)
    smooth = np.stack(np.broadcast_arrays(across, down[:, None], 90), -1).astype(np.uint8)
    content = as_file(Image.fromarray(smooth), format=kind, exif=exif).getvalue()
    whole = load_image(io.BytesIO(content))
    reduced, size = load_reduced(io.BytesIO(content), 200)
    assert size == whole.shape[1::-1]
    assert max(reduced.shape) == 200
    expected = cv2.resize(whole, reduced.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(int) - expected).max() <= 6


def test_a_photo_that_is_small_enough_is_not_scaled():
    photo = Image.effect_noise((40, 30), 80).convert("RGB")
    reduced, size = load_reduced(as_file(photo, format="PNG"), 40)
    assert size == (40, 30)
    assert (reduced == np.asarray(photo)).all()


def test_levels_of_a_large_picture_are_scaled_by_the_range_of_all_of_it():
    levels = np.zeros((2500, 1000), np.float32)
    levels[0], levels[-1] = 1000, 250_000
    loaded = load_image(as_file(Image.fromarray(levels), format="TIFF"))
    assert loaded[-1, 0, 0] == 255
    assert loaded[0, 0, 0] == 1


def test_webp_keeps_its_colours_and_what_is_clear_in_it_becomes_white():
    colours = Image.new("RGBA", (8, 6), (200, 30, 10, 255))
    colours.paste((1, 2, 3, 0), (4, 0, 8, 6))
    loaded = load_image(as_file(colours, format="WEBP", lossless=True))
    assert loaded[0, 0].tolist() == [200, 30, 10]
    assert loaded[0, 7].tolist() == [255, 255, 255]


# Writes the peak of memory while each file is opened, in bytes for each of its pixels.
MEASURE_PEAKS = """
import json, sys
from pathlib import Path
from splitlab.data.images import PHOTO_ENDINGS, load_image, load_reduced, read_photo_size

def of(what):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(what))

def peak(way, path):
    Path("/proc/self/clear_refs").write_text("5")
    before = of("VmRSS")
    way(path)
    return (of("VmHWM") - before) / 4.8e6

paths = [Path(name) for name in sys.argv[1:]]
load_image(paths[0])
whole = {path.name: peak(load_image, path) for path in paths}
print(json.dumps([whole, {path.name: peak(lambda path: load_reduced(path, 500), path) for path in paths}]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a process's memory")
def test_no_kind_of_photo_takes_many_times_its_size_in_memory_while_it_is_opened(tmp_path):
    size = (2400, 2000)
    photos = {
        "warm.jpg": Image.new("RGB", size), "plain.jpg": Image.new("RGB", size), "inks.jpg": Image.new("CMYK", size),
        "clear.png": Image.new("RGBA", size, (9, 8, 7, 6)), "deep.png": Image.new("I;16", size),
        "float.tiff": Image.new("F", size), "levels.tiff": Image.new("I", size),
        "palette.gif": Image.new("P", size), "clear.webp": Image.new("RGBA", size, (9, 8, 7, 6)),
    }  # fmt: skip
    for name, photo in photos.items():
        photo.save(tmp_path / name, **({"lossless": True, "quality": 0, "method": 0} if name.endswith("webp") else {}))
    command = [sys.executable, "-c", MEASURE_PEAKS, *(str(tmp_path / name) for name in photos)]
    whole, reduced = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    # Decoded pixels take 4 bytes and the RGB ones 3; WebP's decoder takes 4 more. Before, it was 14 to 28.
    assert {name: peak for name, peak in whole.items() if peak > 13} == {}
    assert {name: peak for name, peak in reduced.items() if peak > 11} == {}
    assert reduced["plain.jpg"] < 2


@pytest.mark.parametrize("ending", ["avif", "jfif", "AVIF"])
def test_photos_of_newer_and_older_endings_are_read(tmp_path, ending):
    path = tmp_path / f"photo.{ending}"
    Image.new("RGB", (12, 8), (200, 30, 30)).save(path, "AVIF" if ending.lower() == "avif" else "JPEG", quality=95)
    assert read_photo_size(path) == (12, 8)
    pixels = load_image(path)
    assert pixels.shape == (8, 12, 3)
    assert np.abs(pixels.astype(int) - (200, 30, 30)).max() < 12
    assert path.name.lower().endswith(PHOTO_ENDINGS)
