"""Labels that come back: what they mean, and how they are merged."""

import json
import os
import shutil
import zipfile
from multiprocessing import get_context

import pytest

from splitlab.data.dataset import LabelState, count_images
from splitlab.errors import DataError, SplitLabError
from splitlab.project import rounds, take_back
from splitlab.project.incoming import Outcome, look_at
from splitlab.project.rounds import Task, add_round, read_takes
from splitlab.project.standing import standing_of
from splitlab.project.take_back import take
from tests.conftest import write_tiny


def taken(project, export, hours=None):
    return take(project, look_at(project, export).new, export.name, hours)


def counts_of(project):
    data = project.data()
    found = count_images(data.train)
    return found.masks + len(data.val.images), found.boxes, found.unlabelled


def test_masks_and_boxes_of_bare_photos_are_merged_and_booked_by_the_prices(project, export):
    incoming = look_at(project, export(masks=[20, 21], boxes=[22]))
    assert incoming.counts == {Outcome.LABELLED: 3}
    booked = take(project, incoming.new, "export.json")
    assert (set(booked.masks), booked.boxes, booked.hours_are_real) == ({20, 21}, (22,), False)
    assert booked.hours == pytest.approx((2 * 60 + 10) / 3600)
    assert counts_of(project) == (14, 1, 15)
    assert read_takes(project.folder) == (booked,)


def test_the_merged_masks_are_those_of_the_export(project, export, truth):
    taken(project, export(masks=[20]), hours=0.2)
    (label,) = project.data().train.by_id[20].objects
    (drawn,) = [one for one in truth["annotations"] if one["image_id"] == 20]
    assert label.mask == drawn["segmentation"]
    assert read_takes(project.folder)[0].hours == 0.2


def test_labels_that_exist_stay_as_they_are(project, export):
    before = {image.image_id: image.objects for image in project.data().train.images}
    taken(project, export(masks=[25]))
    after = project.data().train
    assert all(after.by_id[key].objects == objects for key, objects in before.items() if key != 25)


def test_masks_take_the_place_of_boxes(project, export):
    taken(project, export(boxes=[20]))
    incoming = look_at(project, export(masks=[20]))
    assert incoming.counts == {Outcome.MASKS_ADDED: 1}
    take(project, incoming.new, "again")
    assert counts_of(project) == (13, 0, 17)


def test_the_same_export_twice_books_once(project, export):
    path = export(masks=[20], boxes=[21])
    taken(project, path)
    assert look_at(project, path).counts == {Outcome.SAME: 2}
    with pytest.raises(DataError, match="no new labels"):
        taken(project, path)
    assert len(read_takes(project.folder)) == 1


def test_labels_that_contradict_stay_until_they_are_chosen(project, export):
    def swap(one):
        one["category_id"] = 3 - one["category_id"]

    taken(project, export(masks=[20]))
    incoming = look_at(project, export(masks=[20, 21], changed=swap))
    (conflict,) = incoming.conflicts
    assert (conflict.image_id, conflict.outcome) == (20, Outcome.CONFLICT)
    assert "1 square mask" in conflict.what
    assert "1 disc mask" in conflict.what
    before = project.data().train.by_id[20].objects
    take(project, incoming.new, "first")
    assert project.data().train.by_id[20].objects == before
    take(project, incoming.conflicts, "second")
    assert project.data().train.by_id[20].objects[0].class_index != before[0].class_index


def test_boxes_that_a_tool_made_outlines_of_four_points_stay_boxes_where_boxes_were_asked_for(project, export):
    def framed(one):
        left, top, width, height = one["bbox"]
        one["segmentation"] = [[left, top, left + width, top, left + width, top + height, left, top + height]]

    tasks = [Task(20, masks=False, reason="random"), Task(21, masks=True, reason="random")]
    add_round(project.folder, tasks, 0.1, None, "random")
    booked = taken(project, export(masks=[20, 21], changed=framed))
    assert (booked.masks, booked.boxes) == ((21,), (20,))


def test_a_photo_that_was_added_to_the_folder_keeps_its_labels(project, export, tmp_path):
    path = export(masks=[20])
    content = json.loads(path.read_text())
    content["images"][0]["file_name"] = "added.png"
    path.write_text(json.dumps(content))
    shutil.copy(tmp_path / "source" / "images" / "train_20.png", project.data_folder / "images" / "train" / "added.png")
    taken(project, path)
    assert look_at(project, path).counts == {Outcome.SAME: 1}
    assert any(image.path.name == "added.png" and image.can_be_full for image in project.data().train.images)


def test_a_folder_that_holds_the_workspace_is_refused(project, tmp_path):
    with pytest.raises(DataError, match="holds the workspace"):
        look_at(project, tmp_path)


def test_a_link_named_images_does_not_lead_photos_out(project, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "classes.txt").write_text("square")
    (tmp_path / "export" / "images").symlink_to(tmp_path / "out")
    with pytest.raises(SplitLabError):
        look_at(project, tmp_path / "export")
    assert not list((tmp_path / "out").iterdir())


def test_boxes_do_not_take_the_place_of_masks(project, export):
    taken(project, export(masks=[20]))
    assert look_at(project, export(boxes=[20])).counts == {Outcome.CONFLICT: 1}


def test_a_photo_that_was_handed_out_and_is_empty_waits_or_is_background(project, export, truth):
    add_round(project.folder, [Task(20, masks=True, reason="random")], 0.1, None, "random")
    path = export(masks=[20, 21])
    content = json.loads(path.read_text())
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] == 21]
    path.write_text(json.dumps(content))
    assert look_at(project, path).counts == {Outcome.LABELLED: 1, Outcome.EMPTY: 1}
    take(project, look_at(project, path, LabelState.WHOLE).new, "export")
    assert count_images(project.data().train).background == 1
    assert count_images(project.data().train).unlabelled == 16


def test_a_class_that_the_project_lacks_is_told_and_left_out(project, export):
    path = export(masks=[20, 21])
    content = json.loads(path.read_text())
    content["categories"].append({"id": 3, "name": "star"})
    content["annotations"][0]["category_id"] = 3
    path.write_text(json.dumps(content))
    incoming = look_at(project, path)
    assert incoming.counts == {Outcome.UNREADABLE: 1, Outcome.LABELLED: 1}
    assert any("star" in photo.what for photo in incoming.photos)


def test_photos_of_another_project_are_refused(project, tmp_path):
    write_tiny(tmp_path / "others", {"val": 3})
    labels = json.loads((tmp_path / "others" / "instances_val.json").read_text())
    path = tmp_path / "others.json"
    path.write_text(json.dumps(labels))
    with pytest.raises(DataError, match="no photo of the project"):
        look_at(project, path)


def test_an_archive_with_its_own_photos_is_matched_by_name(project, tmp_path, export):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(export(masks=[20, 23]), "annotations/instances_default.json")
        for number in (20, 23):
            name = f"train_{number}.png"
            archive.write(tmp_path / "source" / "images" / name, f"images/{name}")
    assert look_at(project, path).counts == {Outcome.LABELLED: 2}


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 broken", b"[1, 2]"])
def test_a_broken_export_changes_nothing_and_is_named(project, tmp_path, content):
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    before = counts_of(project)
    with pytest.raises(SplitLabError, match=r"broken\.zip"):
        look_at(project, path)
    assert counts_of(project) == before
    assert [one.name for one in project.folder.iterdir() if one.name.startswith(".take-")] == []


def test_labels_merged_by_somebody_else_meanwhile_are_not_booked_twice(project, export):
    path = export(masks=[20])
    mine, theirs = look_at(project, path), look_at(project, path)
    take(project, mine.new, "mine")
    with pytest.raises(DataError, match="meanwhile"):
        take(project, theirs.new, "theirs")
    assert len(read_takes(project.folder)) == 1


def test_other_labels_merged_meanwhile_are_not_overwritten(project, export):
    theirs = look_at(project, export(boxes=[20]))
    taken(project, export(masks=[20]))
    with pytest.raises(DataError, match="somebody else"):
        take(project, theirs.new, "theirs")
    assert project.data().train.by_id[20].can_be_full


def _die(*_):
    os._exit(9)


def _book_and_die(*words):
    rounds.add_take(*words)
    _die()


def _killed(step, instead, project, path):
    """Take labels in a process that dies at a step, as by kill -9."""
    incoming = look_at(project, path)
    setattr(take_back, step, instead)
    take(project, incoming.new, path.name, 0.2)


@pytest.mark.parametrize(
    ("step", "instead", "is_taken"),
    [("write_bytes", _die, False), ("add_take", _die, False), ("add_take", _book_and_die, True)],
)
def test_a_kill_leaves_both_labels_and_hours_or_neither(project, export, step, instead, is_taken):
    process = get_context("fork").Process(target=_killed, args=(step, instead, project, export(masks=[20, 21])))
    process.start()
    process.join()
    assert process.exitcode == 9
    standing = standing_of(project)
    assert (len(standing.takes), counts_of(project)[0]) == ((1, 14) if is_taken else (0, 12))
    assert not list(project.folder.glob(".labels-*"))
