"""Datasets in the workspace of a test, and zips of them: photos alone, without val, half-masked."""

import io
import json
import shutil
import zipfile


def zipped(folder):
    """The files of a folder as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def photos_alone(tiny_folder, folder):
    """12 photos without labels."""
    folder.mkdir(parents=True)
    for path in (tiny_folder / "images").glob("train_*"):
        shutil.copy(path, folder)
    return folder


def without_val(tiny_folder, folder):
    """12 labelled photos, all in train."""
    shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("*val*"))
    return folder


def half_masked(tiny_folder, folder):
    """12 labelled photos in train; the first 3 have a second object without a mask."""
    shutil.copytree(tiny_folder, folder)
    path = folder / "instances_train.json"
    content = json.loads(path.read_text())
    more = [
        {"id": 1000 + one["id"], "bbox": [1, 1, 9, 9], **{key: one[key] for key in ("image_id", "category_id")}}
        for one in content["annotations"][:3]
    ]
    path.write_text(json.dumps(content | {"annotations": [*content["annotations"], *more]}))
    return folder
