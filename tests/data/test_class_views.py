from dataclasses import replace

import pytest

from splitlab.data.classes import masks_of_classes, of_classes, of_classes_with_background
from splitlab.data.dataset import Dataset, ImageLabels, LabelState, ObjectLabel, TrainVal
from splitlab.data.few_shot_split import draw_few_shot, zero_shot_split
from splitlab.data.split import draw_split
from splitlab.errors import DataError, SplitError
from splitlab.evaluation.scores import evaluate_detections
from splitlab.geometry import polygons_to_rle
from tests.evaluation.drawn import random_case

MASK = polygons_to_rle([[1, 1, 4, 1, 4, 4, 1, 4]], 8, 8)
NAMES = ("cat", "dog", "bird")


def image(number, *classes, mask=MASK, **changes):
    objects = tuple(ObjectLabel(index, (1, 1, 4, 4), mask, **changes) for index in classes)
    return ImageLabels(number, None, 8, 8, objects)


def subset(*images):
    return Dataset("zoo", NAMES, (3, 5, 9), images, "hash of labels", paper_pools=(tuple(i.image_id for i in images),))


TRAIN = subset(image(1, 0), image(2, 1, 2), image(3), image(4, 2), image(5, 0, 1))
VAL = subset(image(11, 0), image(12, 1, 2), image(13))
DATA = TrainVal(TRAIN, VAL)


def test_train_keeps_the_images_that_show_a_chosen_class_and_val_all():
    seen = of_classes(DATA, ["bird", "dog"])
    assert [image.image_id for image in seen.train.images] == [2, 4, 5]
    assert [image.image_id for image in seen.val.images] == [11, 12, 13]
    assert seen.train.paper_pools == ((2, 4, 5),)


def test_objects_of_other_classes_are_left_out_and_the_rest_is_numbered_anew():
    seen = of_classes(DATA, ["dog", "bird"]).train
    assert (seen.class_names, seen.category_ids) == (("dog", "bird"), (5, 9))
    assert [[label.class_index for label in image.objects] for image in seen.images] == [[0, 1], [1], [0]]
    assert of_classes(DATA, ["dog"]).train.name == "zoo (dog)"


def test_equal_classes_in_any_order_give_equal_data_and_other_classes_another_hash():
    assert of_classes(DATA, ["bird", "dog"]) == of_classes(DATA, ["dog", "bird", "dog"])
    hashes = {of_classes(DATA, names).train.source_hash for names in (["dog"], ["cat"], ["dog", "cat"])}
    assert len({*hashes, TRAIN.source_hash}) == 4


def test_background_keeps_the_labelled_images_that_show_none_of_the_classes():
    unlabelled = replace(image(6), state=LabelState.NONE)
    crowd = image(7, 1, is_crowd=True)
    train = replace(subset(*TRAIN.images, unlabelled, crowd), few_shot_pool=(1, 2, 6))
    seen = of_classes_with_background(replace(DATA, train=train), ["dog"])
    # Image 3 was labelled and shows nothing, 1 and 4 show other classes.
    assert [image.image_id for image in seen.train.images] == [1, 2, 3, 4, 5]
    assert [len(image.objects) for image in seen.train.images] == [0, 1, 0, 0, 1]
    assert (seen.train.paper_pools, seen.train.few_shot_pool) == (((1, 2, 3, 4, 5),), (1, 2))
    without = of_classes(replace(DATA, train=train), ["dog"])
    assert seen.val == without.val
    assert seen.train.source_hash not in (without.train.source_hash, train.source_hash)


def test_a_crowd_alone_does_not_keep_an_image():
    crowd = replace(TRAIN, images=(image(1, 0, is_crowd=True), image(2, 0)))
    seen = of_classes(replace(DATA, train=crowd), ["cat"])
    assert [image.image_id for image in seen.train.images] == [2]


@pytest.mark.parametrize("names", [["horse"], [], ["cat", "horse"]])
def test_classes_that_are_not_there_are_named(names):
    for view in (of_classes, of_classes_with_background, masks_of_classes):
        with pytest.raises(DataError, match="Choose among cat, dog, bird"):
            view(DATA, names)


def test_a_class_that_no_image_shows_is_refused():
    with pytest.raises(DataError, match="shows bird"):
        of_classes(replace(DATA, train=subset(image(1, 0))), ["bird"])


def of_class(index, found):
    kept = found.classes == index
    masks = tuple(mask for mask, keep in zip(found.masks, kept, strict=True) if keep)
    return replace(
        found, boxes=found.boxes[kept], scores=found.scores[kept], classes=found.classes[kept] * 0, masks=masks
    )


def test_the_ap_of_a_class_is_what_it_is_on_the_whole_data_set():
    """Val keeps the images without the class, so what is wrongly found there still counts."""
    val, found = random_case(0)
    whole = evaluate_detections(val, found)["mask"]["per_class"]["class 1"]
    seen = of_classes(TrainVal(val, val), ["class 1"]).val
    assert len(seen.images) == len(val.images) > sum(bool(image.objects) for image in seen.images)
    alone = evaluate_detections(seen, [of_class(1, one) for one in found])["mask"]["per_class"]["class 1"]
    assert alone == whole
    assert 0 < whole["ap50"] < 100


def test_masks_of_other_classes_are_gone_from_train_and_their_boxes_stay():
    seen = masks_of_classes(DATA, ["cat"])
    for before, after in zip(TRAIN.images, seen.train.images, strict=True):
        indices = [label.class_index for label in before.objects]
        assert [label.box for label in after.objects] == [label.box for label in before.objects]
        assert [label.mask is not None for label in after.objects] == [index == 0 for index in indices]
    assert seen.val == VAL


def test_an_image_may_stand_in_f_where_only_masks_that_are_not_wanted_lack():
    cat_and_bird = replace(image(2), objects=(*image(2, 0).objects, *image(2, 2, mask=None).objects))
    no_birds = replace(TRAIN, images=(image(1, 0), cat_and_bird))
    data = replace(DATA, train=no_birds)
    with pytest.raises(SplitError, match=r"more than the 1 images of .* whose objects all have masks"):
        draw_split(no_birds, 2, 0, 0)
    assert len(draw_split(masks_of_classes(data, ["cat", "dog"]).train, 2, 0, 0).full) == 2
    with pytest.raises(SplitError):
        draw_split(masks_of_classes(replace(data, train=subset(image(1, 0, mask=None))), ["cat"]).train, 1, 0, 0)


def test_a_split_is_the_same_whichever_masks_may_be_read():
    assert draw_split(masks_of_classes(DATA, ["dog"]).train, 2, 2, 7) == draw_split(TRAIN, 2, 2, 7)


def test_without_masks_every_image_with_a_class_is_w():
    split = zero_shot_split(of_classes(DATA, ["dog"]).train)
    assert (split.full, split.weak, split.drawn) == ((), (2, 5), "zero-shot")
    with pytest.raises(SplitError, match="no class 'horse'"):
        zero_shot_split(TRAIN, ["horse"])


def test_few_masks_are_counted_among_the_chosen_classes_alone():
    split = draw_few_shot(of_classes(DATA, ["bird"]).train, 1, seed=0)
    assert len(split.full) == 1
    assert set(split.full) | set(split.weak) == {2, 4}


def test_few_masks_are_those_that_may_be_read_and_boxes_of_other_classes_are_none():
    seen = masks_of_classes(DATA, ["cat"]).train
    split = draw_few_shot(seen, 1, seed=0)
    drawn = [image for image in seen.images if image.image_id in split.full]
    assert sum(label.mask is not None for image in drawn for label in image.targets) == 1
    with pytest.raises(SplitError, match="masks of 'cat'"):
        draw_few_shot(seen, 99, seed=0)
