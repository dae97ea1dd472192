"""What a run did with each object is stored beside its row, and comes back as it was."""

import io
import math
import shutil
import zipfile

import numpy as np
import pytest

from splitlab.atlas.records import DRAWS, NONE, RunRecord, read_record, record_path, write_record
from splitlab.atlas.work import take_back
from splitlab.errors import BudgetError
from splitlab.workspace import Workspace
from tests.experiments.atlas_tools import open_tiny, rows, work, write_plan


def made_record(objects=4, images=3):
    rng = np.random.default_rng(0)
    return RunRecord(
        images=images,
        seed=7,
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
    assert (back.images, back.seed) == (record.images, record.seed)
    for name in ("image", "truth_class", "predicted_class"):
        assert (getattr(back, name) == getattr(record, name)).all()
    for name in ("iou", "score"):
        np.testing.assert_allclose(getattr(back, name), getattr(record, name), atol=0.5001e-4)
    np.testing.assert_allclose(back.ap_draws, record.ap_draws, rtol=1e-6)
    assert read_record(tmp_path / "none.npz") is None


def test_a_measured_run_has_a_record_that_agrees_with_its_row(tiny_folder):
    write_plan(tiny_folder, full=[4], weak=[0])
    work().work_through()
    (row,) = rows()
    record = read_record(record_path(Workspace.here().measured / "tiny.csv", row.spec_hash, row.test_hash))
    assert record.images == row.test_images
    assert len(record.image) == row.objects
    found = record.iou[~np.isnan(record.iou)]
    assert len(found) == row.found
    assert math.isnan(row.mask_iou) if not len(found) else found.mean() == pytest.approx(row.mask_iou, abs=2e-4)
    localised = record.predicted_class != NONE
    assert localised.sum() == row.localised
    test = open_tiny().parts.test
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
    (row,) = rows()
    assert read_record(record_path(measured / "tiny.csv", row.spec_hash, row.test_hash)) is not None


def packed(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def whole(**changes):
    columns = {name: np.zeros(2) for name in ("truth_class", "predicted_class", "iou", "score")}
    arrays = {"images": np.int32(3), "seed": 1, "image": np.array([0, 1]), "ap_draws": np.zeros((DRAWS, 3)), **columns}
    return packed(**{**arrays, **changes})


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
