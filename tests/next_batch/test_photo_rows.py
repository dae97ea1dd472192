import shutil

import numpy as np
import pytest
from PIL import Image

from splitlab.errors import RunError
from splitlab.io import HeldError, holding
from splitlab.next_batch import photo_rows
from splitlab.next_batch.photo_rows import RowKind, rows_of_photos


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(70):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(folder / f"{number}.png")
    return [folder / f"{number}.png" for number in range(70)]


class Counted:
    """Computes the mean grey of photos; stops like Ctrl-C when it is asked for more than `most` of them."""

    def __init__(self, most=10**6):
        self.seen, self.most = [], most
        self.kind = RowKind("greys", "look", 2, 8, self.compute)

    def compute(self, batch):
        if len(self.seen) + len(batch) > self.most:
            raise KeyboardInterrupt
        self.seen += [int(photo.mean()) for photo in batch]
        return np.array([(photo.mean(), -photo.mean()) for photo in batch], np.float32)


def rows(counted, photos, tmp_path, progress=photo_rows.no_progress):
    return rows_of_photos(counted.kind, photos, photos[0].parent, tmp_path / "index", progress)


def test_a_killed_call_goes_on_after_its_last_block(photos, tmp_path):
    killed, goes_on, later = Counted(most=64), Counted(), Counted()
    with pytest.raises(KeyboardInterrupt):
        rows(killed, photos, tmp_path)
    (file,) = (tmp_path / "index").glob("*.rows")
    with file.open("ab") as out:
        out.write(b"a record cut sh")
    found = rows(goes_on, photos, tmp_path).rows
    assert killed.seen + goes_on.seen == list(range(70))
    assert found.tolist() == [[number, -number] for number in range(70)]
    assert rows(later, photos[::-1], tmp_path).rows.tolist() == found[::-1].tolist()
    assert later.seen == []


def test_a_changed_photo_is_read_again_and_one_that_cannot_be_read_is_reported(photos, tmp_path):
    rows(Counted(), photos, tmp_path)
    shutil.copy(photos[9], photos[3])
    photos[5].write_text("no photo")
    again = Counted()
    found = rows(again, photos, tmp_path)
    assert again.seen == [9]
    assert found.rows[3].tolist() == [9, -9]
    assert np.isnan(found.rows[5]).all()
    assert np.isfinite(np.delete(found.rows, 5, axis=0)).all()
    assert [problem.file for problem in found.problems] == [str(photos[5])]


def test_progress_counts_the_photos_that_are_read(photos, tmp_path):
    told = []
    rows(Counted(), photos[:6], tmp_path)
    rows(Counted(), photos, tmp_path, lambda *said: told.append(said))
    assert told == [("look", 32, 64), ("look", 64, 64)]


def test_a_second_process_is_refused_and_a_folder_that_cannot_be_written_is_named(photos, tmp_path):
    rows(Counted(), photos, tmp_path)
    (file,) = (tmp_path / "index").glob("*.rows")
    with holding(file.with_suffix(".lock"), ""), pytest.raises(HeldError, match="Another process is looking"):
        rows(Counted(), photos, tmp_path)
    (tmp_path / "no-folder").write_text("")
    with pytest.raises(RunError, match="no-folder"):
        rows_of_photos(Counted().kind, photos, photos[0].parent, tmp_path / "no-folder")
