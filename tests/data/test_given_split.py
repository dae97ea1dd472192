from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel
from splitlab.data.saved_splits import save_split, saved_splits, split_by_labels, split_by_lists
from splitlab.data.split import draw_split, draw_stratified
from splitlab.errors import SplitError
from splitlab.geometry import polygons_to_rle

MASK = polygons_to_rle([[1, 1, 3, 1, 3, 3, 1, 3]], 5, 5)


def image(number, classes=(0,), masks=True):
    objects = tuple(ObjectLabel(index, (1, 1, 3, 3), MASK if masks else None) for index in classes)
    return ImageLabels(number, Path(f"photo_{number}.jpg"), 5, 5, objects)


def dataset(*images):
    return Dataset("mine", ("a", "b", "c"), (1, 2, 3), images, "hash")


def test_labels_that_are_there_decide():
    half = ImageLabels(4, Path("x"), 5, 5, (*image(4).objects, *image(4, masks=False).objects))
    split = split_by_labels(dataset(image(1), image(2, masks=False), half, image(5)))
    assert (split.full, split.weak) == ((1, 5), (2, 4))


def test_photos_without_an_object_are_in_neither_set_as_nobody_knows_whether_they_were_labelled():
    split = split_by_labels(dataset(image(1), image(2, classes=()), image(3, masks=False)))
    assert (split.full, split.weak) == ((1,), (3,))


def test_images_whose_labels_cannot_all_be_read_are_in_neither_set():
    broken = [replace(image(number, masks=number == 2), state=LabelState.BROKEN) for number in (2, 4)]
    split = split_by_labels(dataset(image(1), image(3, masks=False), *broken))
    assert (split.full, split.weak) == ((1,), (3,))


def test_lists_name_images_by_id_file_name_or_stem(tmp_path):
    (tmp_path / "f.txt").write_text("photo_1.jpg\n\n3\n")
    (tmp_path / "w.txt").write_text("./images/photo_2.jpg\nphoto_4")
    split = split_by_lists(dataset(*map(image, range(1, 6))), tmp_path / "f.txt", tmp_path / "w.txt")
    assert (split.full, split.weak) == ((1, 3), (2, 4))


def in_folders():
    places = ["a/one.jpg", "b/one.jpg", "b/two.jpg", "b/5.jpg"]
    named = [replace(image(number), path=Path("images") / place) for number, place in enumerate(places, start=5)]
    return dataset(*named)


@pytest.mark.parametrize(
    ("line", "image_id"),
    [
        ("a/one.jpg", 5),
        ("b/one.jpg", 6),
        ("b/one", 6),
        ("images/b/one.jpg", 6),
        ("two.jpg", 7),
        ("/their/machine/two.jpg", 7),
        ("5", 5),
        ("5.jpg", 8),
    ],
)
def test_photos_of_one_name_are_told_apart_by_their_folders(tmp_path, line, image_id):
    (tmp_path / "f.txt").write_text(line)
    assert split_by_lists(in_folders(), tmp_path / "f.txt", None).full == (image_id,)


@pytest.mark.parametrize("line", ["one.jpg", "one", "c/one.jpg"])
def test_a_line_that_may_mean_two_photos_is_refused(tmp_path, line):
    (tmp_path / "f.txt").write_text(line)
    with pytest.raises(SplitError, match="matches image 5 and image 6"):
        split_by_lists(in_folders(), tmp_path / "f.txt", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [("9", "'9' is not an image"), ("1\n1", "image 1 is listed twice"), ("2", "image 2 has no masks")],
)
def test_lists_that_cannot_be_followed_are_refused(tmp_path, line, message):
    (tmp_path / "f.txt").write_text(line)
    with pytest.raises(SplitError, match=message):
        split_by_lists(dataset(image(1), image(2, masks=False)), tmp_path / "f.txt", None)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(SplitError, match=r"f\.txt: cannot be read"):
        split_by_lists(dataset(image(1)), tmp_path / "f.txt", None)


def uneven(count=300):
    """Class a in most images, b in some, c in one of thirty."""
    rng = np.random.default_rng(3)
    kinds = [(0,), (0, 1), (1,), (0, 2)]
    return dataset(*(image(i, kinds[k]) for i, k in enumerate(rng.choice(4, count, p=[0.6, 0.27, 0.1, 0.03]))))


@given(st.integers(20, 280), st.integers(0, 1000))
def test_stratified_sets_have_every_class_in_proportion(full, seed):
    data = uneven()
    split = draw_stratified(data, full, 300 - full, seed)
    for ids in (split.full, split.weak):
        for index in range(3):
            expected = sum(any(o.class_index == index for o in i.objects) for i in data.images) * len(ids) / 300
            found = sum(any(o.class_index == index for o in data.by_id[i].objects) for i in ids)
            assert abs(found - expected) <= 2


@pytest.mark.parametrize(("images", "full"), [(120, 20), (200, 40)])
def test_a_rare_class_has_its_share_of_f_beside_many_common_ones(images, full):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        shown = rng.random((images, 6)) < (0.9, 0.6, 0.5, 0.4, 0.3, 0.06)
        shown[~shown.any(axis=1), 0] = True
        classes = {number: tuple(map(int, np.flatnonzero(row))) for number, row in enumerate(shown)}
        data = Dataset(
            "mine",
            tuple("abcdef"),
            tuple(range(1, 7)),
            tuple(image(number, of) for number, of in classes.items()),
            "hash",
        )
        drawn = sum(5 in classes[number] for number in draw_stratified(data, full, 0, seed).full)
        assert abs(drawn - shown[:, 5].sum() * full / images) <= 0.5


def test_stratified_is_closer_to_the_proportions_than_chance():
    data, rare = uneven(), []
    for draw in (draw_stratified, draw_split):
        shares = [sum(len(data.by_id[i].objects) > 1 for i in draw(data, 60, 0, seed).full) for seed in range(20)]
        rare.append(np.std(shares))
    assert rare[0] < rare[1] / 3


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_stratified_sets_nest(small, more, seed):
    data = uneven()
    first, second = draw_stratified(data, small, 50, seed), draw_stratified(data, small + more, 20, seed)
    assert set(first.full) <= set(second.full)
    assert set(second.weak) <= set(first.weak)


def test_images_without_masks_stand_in_the_stratified_w_only():
    data = dataset(*(image(i, masks=i % 2 == 0) for i in range(20)))
    assert all(i % 2 == 0 for i in draw_stratified(data, 10, 10, 0).full)


def test_a_named_split_comes_back_for_its_labels_only(tmp_path):
    split = draw_split(dataset(*map(image, range(10))), 3, 4, 0)
    save_split(tmp_path / "mine", "first try", split)
    (tmp_path / "mine" / "broken.json").write_text("{")
    assert saved_splits(tmp_path / "mine", "hash") == {"first try": split}
    assert saved_splits(tmp_path / "mine", "other labels") == {}


def authors_lists(folder, weak_list):
    """Two lists as the paper's authors published them for DETR: the second names W and then F."""
    (folder / "train_seg_2.txt").write_text("photo_3\nphoto_1\n")
    (folder / "train_det_2_3.txt").write_text("\n".join(weak_list) + "\n")
    return folder / "train_seg_2.txt", folder / "train_det_2_3.txt"


def test_f_is_taken_out_of_a_list_of_f_and_w_together_as_the_authors_publish_them_for_detr(tmp_path):
    lists = authors_lists(tmp_path, ["photo_5", "photo_2", "photo_4", "photo_3", "photo_1"])
    split = split_by_lists(dataset(*map(image, range(1, 7))), *lists)
    assert (split.full, split.weak, split.name) == ((3, 1), (5, 2, 4), "2/3")


@pytest.mark.parametrize(
    ("weak_list", "message"),
    [
        (["photo_5", "photo_3"], r"train_det_2_3\.txt: names 1 of the 2 images of F, such as 3"),
        (["photo_3", "photo_1"], r"train_det_2_3\.txt: names the 2 images of F and no others"),
    ],
)
def test_a_list_of_w_with_some_of_f_or_nothing_but_f_is_refused(tmp_path, weak_list, message):
    with pytest.raises(SplitError, match=message):
        split_by_lists(dataset(*map(image, range(1, 7))), *authors_lists(tmp_path, weak_list))


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 61])
def test_names_that_are_no_file_names_are_refused(tmp_path, name):
    with pytest.raises(SplitError, match="is not a valid split name"):
        save_split(tmp_path, name, draw_split(dataset(image(1)), 1, 0, 0))
