"""What a run did with each object is stored beside its row, and comes back as it was."""

import io
import math
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from splitlab.atlas.records import DRAWS, NONE, RunRecord, read_record, record_of_row, record_path, write_record
from splitlab.atlas.work import take_back
from splitlab.errors import BudgetError
from splitlab.workspace import Workspace
from tests.experiments.atlas_tools import open_tiny, row, rows, work, write_plan


def made_record(objects=4, images=3):
    rng = np.random.default_rng(0)
    return RunRecord(
        images=images,
        images_seed=7,
        image=np.sort(rng.integers(0, images, objects)),
        truth_class=rng.integers(0, 5, objects),
        predicted_class=np.where(rng.random(objects) < 0.5, NONE, 1),
        iou=np.where(rng.random(objects) < 0.5, np.nan, rng.random(objects)),
        score=np.where(rng.random(objects) < 0.5, np.nan, rng.random(objects)),
        ap_draws=rng.random((DRAWS, 3)) * 100,
    )


def test_a_record_comes_back_as_it_was_written_to_a_ten_thousandth(tmp_path):
    record = made_record(objects=50)
    write_record(tmp_path / "a" / "record.npz", record)
    back = read_record(tmp_path / "a" / "record.npz")
    assert (back.images, back.images_seed) == (record.images, record.images_seed)
    for name in ("image", "truth_class", "predicted_class"):
        assert (getattr(back, name) == getattr(record, name)).all()
    for name in ("iou", "score"):
        np.testing.assert_allclose(getattr(back, name), getattr(record, name), atol=0.5001e-4)
    np.testing.assert_allclose(back.ap_draws, record.ap_draws, rtol=1e-6)
    assert read_record(tmp_path / "none.npz") is None


def test_a_measured_run_has_a_record_that_agrees_with_its_row(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0])
    work().work_through()
    (one,) = rows()
    record = record_of_row(Workspace.here().measured / "tiny.csv", one)
    assert record.images == one.test_images
    assert len(record.image) == one.objects
    found = record.iou[~np.isnan(record.iou)]
    assert len(found) == one.found
    assert math.isnan(one.mask_iou) if not len(found) else found.mean() == pytest.approx(one.mask_iou, abs=2e-4)
    localised = record.predicted_class != NONE
    assert localised.sum() == one.localised
    test = open_tiny().parts[0].test
    assert record.truth_class.tolist() == [label.class_index for image in test.images for label in image.objects]


def test_records_from_another_machine_are_taken_over_with_their_rows(tiny_folder, tmp_path):
    write_plan(tiny_folder, full=[4], weak=[0])
    work().work_through()
    measured = Workspace.here().measured
    came = tmp_path / "came"
    shutil.copytree(measured, came / "measured")
    (measured / "tiny.csv").unlink()
    shutil.rmtree(measured / "tiny" / "objects")
    assert take_back(came, Workspace.here()).rows == {"tiny": 1}
    (one,) = rows()
    assert record_of_row(measured / "tiny.csv", one) is not None


def test_a_record_that_is_not_of_its_row_is_refused(tmp_path):
    record = made_record(objects=4)
    table = tmp_path / "tiny.csv"
    fits = row(
        test_images=3,
        objects=4,
        localised=int((record.predicted_class != NONE).sum()),
        found=int(record.was_found.sum()),
    )
    write_record(record_path(table, fits), record)
    assert record_of_row(table, fits) is not None
    for change in ({"test_images": 4}, {"objects": 5}, {"localised": 9}, {"found": 9}):
        with pytest.raises(BudgetError, match="does not agree with its row"):
            record_of_row(table, replace(fits, **change))
    assert record_of_row(table, replace(fits, data_hash="other")) is None


def test_a_row_that_is_here_keeps_its_own_record(tiny_folder, tmp_path):
    write_plan(tiny_folder, full=[4], weak=[0])
    work().work_through()
    measured = Workspace.here().measured
    came = tmp_path / "came"
    shutil.copytree(measured, came / "measured")
    (path,) = (measured / "tiny" / "objects").iterdir()
    path.unlink()
    assert take_back(came, Workspace.here()).rows == {"tiny": 0}
    assert not path.exists()


def packed(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def whole(**changes):
    columns = {name: np.zeros(2, np.int16) for name in ("truth_class", "predicted_class", "iou", "score")}
    arrays = {
        "images": np.int32(3),
        "images_seed": 1,
        "image": np.array([0, 1]),
        "ap_draws": np.zeros((DRAWS, 3)),
        **columns,
    }
    return packed(**{**arrays, **columns, **changes})


def bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", b"\0" * 30_000_000)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        packed(images=np.int32(3)),
        whole(image=np.array([0, 3])),
        whole(image=np.array([-1, 1])),
        whole(iou=np.zeros(3)),
        whole(iou=np.array(["a", "b"])),
        whole(iou=np.array([65535, 0], np.uint16)),
        whole(images=np.array([3, 3])),
        whole(images=np.int64(0)),
        whole(images_seed=-1),
        whole(ap_draws=np.full((DRAWS, 3), 1e30)),
        whole(ap_draws=np.zeros((DRAWS, 2))),
        whole(iou=np.array([{}, {}], dtype=object)),
        whole()[:-60],
        bomb(),
    ],
    ids=[
        "empty",
        "text",
        "columns missing",
        "image too large",
        "image below 0",
        "lengths",
        "text in a column",
        "IoU above 1",
        "two numbers of images",
        "no images",
        "negative seed",
        "AP above 100",
        "samples",
        "pickle",
        "cut",
        "bomb",
    ],
)
def test_a_file_that_is_no_record_gets_a_sentence_with_its_name(tmp_path, content):
    (tmp_path / "record.npz").write_bytes(content)
    with pytest.raises(BudgetError, match=r"record\.npz is not a record of objects"):
        read_record(tmp_path / "record.npz")
