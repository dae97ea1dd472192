"""Folders as annotation tools export them: a few photos of 80 x 60 pixels and their labels."""

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 80, 60
SQUARE = [[10, 10], [40, 10], [40, 30], [10, 30]]


def photo(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 120, 60)).save(path)
    return path


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def patch() -> np.ndarray:
    """A ring of 6 x 5 pixels, 4 of which are empty, with a corner cut off."""
    mask = np.ones((5, 6), bool)
    mask[2, 1:4] = False
    mask[0, 0] = False
    return mask


def placed(mask: np.ndarray, left: int, top: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """The same as `patch_to_rle`, pixel by pixel."""
    whole = np.zeros((height, width), bool)
    for y, x in np.argwhere(mask):
        if 0 <= top + y < height and 0 <= left + x < width:
            whole[top + y, left + x] = True
    return whole


def png(mask: np.ndarray, mode: str = "L") -> bytes:
    if mode == "RGBA":
        pixels = np.dstack([np.full((*mask.shape, 3), 255, np.uint8), mask * np.uint8(255)])
        image = Image.fromarray(pixels)
    elif mode == "P":
        image = Image.fromarray(mask.astype(np.uint8)).convert("P")
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.info["transparency"] = 0
    elif mode == "1":
        image = Image.fromarray(mask)
    else:
        image = Image.fromarray(mask * np.uint8(255))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def base64_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


# ---- Labelme


def labelme_shape(kind: str = "polygon", points: Any = None, label: str = "cat", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": SQUARE if points is None else points, "shape_type": kind, **more}


def labelme_json(*shapes: Any, photo_name: str = "a.png", **more: Any) -> dict[str, Any]:
    head = {"version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": photo_name, "imageData": None}
    return {**head, "imageHeight": HEIGHT, "imageWidth": WIDTH, **more}


def labelme_tree(root: Path) -> Path:
    """A polygon, a rectangle, a mask and a circle; background; a photo without a file."""
    for name in "abc":
        photo(root / f"{name}.png")
    shapes = [
        labelme_shape(),
        labelme_shape("rectangle", [[40, 30], [10, 10]], "dog"),
        labelme_shape("mask", [[3, 4], [8, 8]], "dog", mask=base64_text(png(patch()))),
        labelme_shape("circle", [[40, 30], [40, 20]], group_id=1),
    ]
    write_json(root / "a.json", labelme_json(*shapes))
    write_json(root / "b.json", labelme_json(photo_name="b.png"))
    return root


# ---- Supervisely


def supervisely_object(
    kind: str, exterior: Any = (), interior: Any = (), name: str = "cat", **more: Any
) -> dict[str, Any]:
    points = {"exterior": [list(point) for point in exterior], "interior": list(interior)}
    return {"classTitle": "cat", "geometryType": kind, "points": points, **more}


def bitmap(mask: np.ndarray, left: int, top: int, name: str = "dog") -> dict[str, Any]:
    data = base64_text(zlib.compress(png(mask, "P")))
    return {"classTitle": name, "geometryType": "bitmap", "bitmap": {"origin": [left, top], "data": data}}


def supervisely_json(*objects: Any) -> dict[str, Any]:
    return {"description": "", "tags": [], "size": {"height": HEIGHT, "width": WIDTH}, "objects": list(objects)}


def supervisely_tree(root: Path) -> Path:
    """A polygon with a hole, a rectangle and a bitmap; background; a photo without a file."""
    classes = [{"title": title, "shape": "any", "id": number} for number, title in enumerate(("dog", "cat"), start=7)]
    write_json(root / "meta.json", {"classes": classes, "tags": []})
    for name in "abc":
        photo(root / "ds1" / "img" / f"{name}.png")
    hole = [[20, 15], [30, 15], [30, 25], [20, 25]]
    objects = [
        supervisely_object("polygon", SQUARE, [hole]),
        supervisely_object("rectangle", [[10, 10], [39, 29]]),
        bitmap(patch(), 3, 4),
    ]
    write_json(root / "ds1" / "ann" / "a.png.json", supervisely_json(*objects))
    write_json(root / "ds1" / "ann" / "b.png.json", supervisely_json())
    return root


# ---- VIA


def via_polygon(points: Any = None) -> dict[str, Any]:
    columns, rows = zip(*(points or SQUARE), strict=True)
    return {"name": "polygon", "all_points_x": list(columns), "all_points_y": list(rows)}


def via_region(shape: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def via_photo(name: str, regions: Any) -> dict[str, Any]:
    return {"filename": name, "size": 1234, "regions": regions, "file_attributes": {}}


def via_project(*photos: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        "_via_settings": {"core": {"default_filepath": ""}},
        "_via_img_metadata": {f"{one['filename']}{one['size']}": one for one in photos},
        "_via_attributes": {"region": attributes, "file": {}},
    }


def via_tree(root: Path) -> Path:
    """A polygon, a rectangle, a circle and an ellipse; a photo without regions; a photo that is not listed."""
    for name in "abc":
        photo(root / f"{name}.png")
    regions = [
        via_region(via_polygon(), kind="cat"),
        via_region({"name": "rect", "x": 10, "y": 10, "width": 30, "height": 20}, kind="dog"),
        via_region({"name": "circle", "cx": 40, "cy": 30, "r": 10}, kind="dog"),
        via_region({"name": "ellipse", "cx": 40, "cy": 30, "rx": 20, "ry": 10, "theta": 0.5}, kind="dog"),
    ]
    kind = {"type": "dropdown", "options": {"dog": "", "cat": ""}}
    write_json(root / "via_project.json", via_project(via_photo("a.png", regions), via_photo("b.png", []), kind=kind))
    return root


# ---- CVAT


def cvat_xml(*images: str, labels: tuple[str, ...] = ("dog", "cat"), within: str = "task") -> str:
    names = "".join(f"<label><name>{name}</name><attributes></attributes></label>" for name in labels)
    meta = f"<meta><{within}><labels>{names}</labels></{within}><dumped>2026</dumped></meta>"
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
    return f"{head}{meta}{''.join(images)}</annotations>"


def cvat_image(name: str, *shapes: str, more: str = "") -> str:
    return f'\n<image id="0" name="{name}" {more} width="{WIDTH}" height="{HEIGHT}">{"".join(shapes)}</image>'


def cvat_polygon(points: Any = None, label: str = "cat", more: str = "") -> str:
    text = ";".join(f"{x:.2f},{y:.2f}" for x, y in points or SQUARE)
    return f'<polygon label="{label}" points="{text}" occluded="0" {more}></polygon>'


def cvat_mask(mask: np.ndarray, left: int, top: int, label: str = "dog", more: str = "") -> str:
    runs, value, length = [], False, 0
    for pixel in mask.ravel():
        if pixel != value:
            runs.append(length)
            value, length = pixel, 0
        length += 1
    text = ", ".join(map(str, [*runs, length]))
    size = f'left="{left}" top="{top}" width="{mask.shape[1]}" height="{mask.shape[0]}"'
    return f'<mask label="{label}" rle="{text}" {size} {more}></mask>'


def cvat_tree(root: Path) -> Path:
    """A polygon, a box, a mask and an ellipse; an image without shapes; a photo that is not listed."""
    for name in "abc":
        photo(root / "images" / f"{name}.png")
    shapes = [
        cvat_polygon(),
        '<box label="cat" xtl="10.00" ytl="10.00" xbr="40.00" ybr="30.00"><attribute name="old">yes</attribute></box>',
        cvat_mask(patch(), 3, 4),
        '<ellipse label="dog" cx="40" cy="30" rx="20" ry="10" rotation="90"></ellipse>',
    ]
    (root / "annotations.xml").write_text(cvat_xml(cvat_image("a.png", *shapes), cvat_image("b.png")))
    return root


# ---- FiftyOne


def detection(box: Any, label: Any = "cat", **more: Any) -> dict[str, Any]:
    return {"_cls": "Detection", "label": label, "bounding_box": list(box), **more}


def stored_mask(mask: np.ndarray) -> dict[str, Any]:
    return {"$binary": {"base64": base64_text(zlib.compress(npy(mask))), "subType": "00"}}


def sample(name: str, labels: Any = None, **more: Any) -> dict[str, Any]:
    found = None if labels is None else {"_cls": "Detections", "detections": list(labels)}
    size = {"_cls": "ImageMetadata", "width": WIDTH, "height": HEIGHT}
    return {"filepath": f"data/{name}", "tags": [], "metadata": size, "ground_truth": found, **more}


def fiftyone_tree(root: Path) -> Path:
    """A detection with a mask and one without; background; a photo that is not labelled."""
    for name in "abc":
        photo(root / "data" / f"{name}.png")
    box = (3 / WIDTH, 4 / HEIGHT, 6 / WIDTH, 5 / HEIGHT)
    found = [detection((0.125, 0.1, 0.5, 0.5)), detection(box, "dog", mask=stored_mask(patch()))]
    write_json(root / "metadata.json", {"media_type": "image", "info": {"default_classes": ["dog", "cat"]}})
    write_json(root / "samples.json", {"samples": [sample("a.png", found), sample("b.png", []), sample("c.png")]})
    return root


def brush_bytes(width: int, height: int) -> bytes:
    """Return brush strokes of Label Studio: opaque red in the first half of the pixels, in row order."""
    pixels = width * height
    # No run is longer than 2 ** 16 values; each value here is written out in a run of length one or as it is.
    bits = f"{4 * pixels:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}"
    for place in range(pixels):
        red, alpha = (255, 255) if place < pixels // 2 else (0, 0)
        # Four values as they are: no run, lengths of 3 bits, four of them.
        bits += f"000{3:03b}" + "".join(f"{value:08b}" for value in (red, 0, 0, alpha))
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
