from dataclasses import replace

import numpy as np
import pytest

from splitlab.budget.published import method_rows, published_results
from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel
from splitlab.data.few_shot_split import (
    FEW_SHOT_CLASSES,
    FEW_SHOT_IMAGES,
    draw_few_shot,
    paper_few_shot,
    zero_shot_split,
)
from splitlab.data.split import draw_paper_split
from splitlab.errors import SplitError
from splitlab.geometry import polygons_to_rle

MASK = polygons_to_rle([[1, 1, 3, 1, 3, 3, 1, 3]], 5, 5)


def image(name, classes=(0,), masks=True, difficult=False):
    objects = (ObjectLabel(i, (1, 1, 3, 3), MASK if masks else None, is_difficult=difficult) for i in classes)
    return ImageLabels(name, None, 5, 5, tuple(objects))


def voc(full=1464, weak=9267):
    names = [f"f{i:05d}" for i in range(full)], [f"w{i:05d}" for i in range(weak)]
    images = (*(image(n) for n in names[0]), *(image(n, masks=False) for n in names[1]))
    return Dataset("VOC2012", ("thing",), (1,), images, "hash", paper_pools=(tuple(names[0]), tuple(names[1])))


def test_both_pools_are_shuffled_by_one_generator_f_first():
    rng = np.random.default_rng(42)
    full, weak = np.arange(1464), np.arange(9267)
    rng.shuffle(full)
    rng.shuffle(weak)
    split = draw_paper_split(voc(), 400, 1000)
    assert split.full == tuple(f"f{i:05d}" for i in full[:400])
    assert split.weak == tuple(f"w{i:05d}" for i in weak[:1000])


def test_all_of_w_is_the_weak_pool_and_the_masks_that_f_left_unused():
    split = draw_paper_split(voc(), 400, None)
    assert len(split.weak) == 10731 - 400
    assert set(split.weak) == {image.image_id for image in voc().images} - set(split.full)
    assert draw_paper_split(voc(), 400, 10331).weak == split.weak


def test_all_yolo_splits_of_table_2_can_be_drawn_and_nest():
    rows = method_rows(published_results(), "VOC2012", "YOLOv5")
    sizes = zip(rows["full"], rows["weak"], strict=True)
    splits = {(full, weak): draw_paper_split(voc(), full, weak) for full, weak in sizes}
    assert len(splits) == 20
    for (full, weak), split in splits.items():
        assert (len(split.full), len(split.weak)) == (full, weak)
        for (more, _), larger in splits.items():
            assert full > more or set(split.full) <= set(larger.full)


def test_of_one_pool_w_follows_f():
    names = tuple(f"aachen_{i:06d}_000019" for i in range(2975))
    data = Dataset("Cityscapes", ("x",), (1,), tuple(map(image, names)), "hash", paper_pools=(names,))
    order = np.arange(2975)
    np.random.default_rng(42).shuffle(order)
    split = draw_paper_split(data, 1475, 1000)
    assert split.full == tuple(names[i] for i in order[:1475])
    assert split.weak == tuple(names[i] for i in order[1475:2475])
    assert len(draw_paper_split(data, 200, None).weak) == 2775


@pytest.mark.parametrize(("full", "weak"), [(1465, 0), (-1, 5), (1464, 9268), (10, -1)])
def test_sizes_that_the_protocol_does_not_have_are_refused(full, weak):
    with pytest.raises(SplitError, match=r"\|[FW]\| = -?\d+: 'VOC2012' has \d+ images"):
        draw_paper_split(voc(), full, weak)


def test_a_data_set_the_paper_does_not_know_is_refused():
    with pytest.raises(SplitError, match="no protocol for 'mine'"):
        draw_paper_split(Dataset("mine", ("x",), (1,), (image(1),), "hash"), 1, 0)


TRAINVAL = tuple(f"2008_{i:06}" for i in range(40))


def few_shot_voc():
    """The 17 images, an image of each of the 8 classes, 32 of a person, and one that is in no list of Main."""
    names = (*FEW_SHOT_CLASSES, "person")
    shown = [image(name) for name in FEW_SHOT_IMAGES]
    others = [image(name, (min(i, 8),), masks=False) for i, name in enumerate(TRAINVAL)]
    pool = tuple(sorted((*TRAINVAL, *(name for name in FEW_SHOT_IMAGES if name > "2008"))))
    return Dataset(
        "VOC2012", names, tuple(range(9)), (*shown, *others, image("2007_000042")), "hash", few_shot_pool=pool
    )


def test_the_papers_few_shot_w_is_every_other_trainval_image_shuffled_behind_f_by_one_generator():
    rng = np.random.default_rng(42)
    full, weak = list(FEW_SHOT_IMAGES), list(TRAINVAL)
    rng.shuffle(full)
    rng.shuffle(weak)
    split = paper_few_shot(few_shot_voc())
    assert (split.full, split.weak) == (tuple(full), tuple(weak))


def test_photos_that_nobody_labelled_are_in_no_few_shot_w():
    data = few_shot_voc()
    unlabelled = replace(data.by_id[TRAINVAL[5]], objects=(), state=LabelState.NONE)
    data = replace(data, images=tuple(unlabelled if i.image_id == TRAINVAL[5] else i for i in data.images))
    for split in (paper_few_shot(data), draw_few_shot(data, 1, 0, ["aeroplane"]), zero_shot_split(data)):
        assert TRAINVAL[5] not in split.weak
        assert TRAINVAL[6] in split.weak


def test_the_papers_few_shot_split_is_refused_elsewhere():
    with pytest.raises(SplitError, match="has no 2007_000645"):
        paper_few_shot(voc(10, 10))


def test_n_masks_a_class_are_drawn_exactly_where_the_images_allow_it():
    rng = np.random.default_rng(0)
    images = tuple(image(i, tuple(rng.integers(0, 3, rng.integers(1, 4)))) for i in range(60))
    data = Dataset("mine", ("a", "b", "c"), (1, 2, 3), images, "hash")
    split = draw_few_shot(data, 3, seed=1)
    counts = np.bincount([label.class_index for i in split.full for label in data.by_id[i].objects], minlength=3)
    assert counts.tolist() == [3, 3, 3]
    assert set(split.full) | set(split.weak) == set(range(60))
    assert split == draw_few_shot(data, 3, seed=1) != draw_few_shot(data, 3, seed=2)


def test_a_class_that_stands_only_in_crowded_images_overshoots_rather_than_falls_short():
    data = Dataset("mine", ("a", "b"), (1, 2), (image(1, (0, 0, 0, 1)), image(2, (0,))), "hash")
    assert set(draw_few_shot(data, 1, seed=0).full) == {1, 2}


def test_images_that_show_only_classes_that_do_not_count_stand_in_w_and_never_in_f():
    data = Dataset("mine", ("a", "b"), (1, 2), (image(1, (0,)), image(2, (1,)), image(3, (0,))), "hash")
    for seed in range(5):
        split = draw_few_shot(data, 1, seed, class_names=["a"])
        assert {*split.full, *split.weak} == {1, 2, 3}
        assert 2 in split.weak


def test_f_is_the_same_whether_w_has_background_images_or_not():
    shown = [image(i, (0,)) for i in range(20)]
    data = Dataset("mine", ("a",), (1,), tuple(shown), "hash")
    with_background = replace(data, images=(image("x", ()), *shown[:7], image("y", ()), *shown[7:]))
    one, other = (draw_few_shot(one, 4, seed=2) for one in (data, with_background))
    assert one.full == other.full
    assert set(other.weak) - set(one.weak) == {"x", "y"}


@pytest.mark.parametrize(
    ("masks", "classes", "message"),
    [(5, (), "has 2 masks of 'a'"), (0, (), "at least 1"), (1, ("zebra",), "no class 'zebra'")],
)
def test_few_shot_splits_that_cannot_be_are_refused(masks, classes, message):
    data = Dataset("mine", ("a",), (1,), (image(1), image(2), image(3, masks=False)), "hash")
    with pytest.raises(SplitError, match=message):
        draw_few_shot(data, masks, 0, classes)


def test_an_image_that_fills_a_class_to_the_last_mask_fits():
    images = (image(0, (0, 0)), *(image(i, (0,)) for i in range(1, 5)))
    data = Dataset("mine", ("a",), (1,), images, "hash")
    drawn = [set(draw_few_shot(data, 2, seed).full) for seed in range(20)]
    assert {0} in drawn
    assert all(full == {0} or len(full) == 2 for full in drawn)
