from splitlab.evaluation.disagreement import (
    SeenBy,
    class_votes,
    compare_image,
    count_seen,
    mean_iou,
    objects_seen,
    seen_by,
    shown_objects,
)
from splitlab.evaluation.matches import NO_MATCH
from tests.evaluation.drawn import found, image, label

CAT, DOG = 0, 1
HERE, SHORTER, THERE, CORNER = (0, 0, 40, 40), (0, 0, 40, 30), (60, 60, 90, 90), (0, 70, 20, 90)


def compared(labels=None):
    """Three models: all see HERE, two THERE, one CORNER, which is not labelled."""
    labels = labels or image(label(HERE, CAT), label(THERE, DOG), label((70, 0, 90, 20), DOG))
    first = found((HERE, 0.9, CAT), (SHORTER, 0.8, DOG), (THERE, 0.7, DOG))
    second = found((HERE, 0.9, DOG), (THERE, 0.7, DOG))
    third = found((CORNER, 0.9, CAT), (SHORTER, 0.8, CAT))
    return compare_image(labels, {"a": first, "b": second, "c": third}, 0.3)


def test_an_object_is_seen_by_all_some_one_or_none_of_three_models():
    seen = compared()
    assert [seen_by(seen, each) for each in seen.objects] == [SeenBy.ALL, SeenBy.SOME, SeenBy.NONE, SeenBy.ONE]


def test_two_models_see_an_object_both_or_one_never_some():
    two = compare_image(image(label(HERE)), {"a": found((HERE, 0.9)), "b": found()}, 0.3)
    assert [seen_by(two, each) for each in two.objects] == [SeenBy.ONE]


def test_what_is_shown_holds_a_models_second_detection_of_an_object_too():
    shown = shown_objects(compared(), {SeenBy.ALL})
    assert shown.labels == {0}
    assert shown.detections == {"a": {0, 1}, "b": {0}, "c": {1}}


def test_what_nobody_labelled_is_shown_without_a_label():
    shown = shown_objects(compared(), {SeenBy.ONE, SeenBy.NONE})
    assert shown.labels == {2}
    assert shown.detections == {"a": set(), "b": set(), "c": {0}}


def test_votes_are_counted_and_overlaps_between_models_meant():
    seen = compared()
    assert class_votes(seen.objects[0]) == [(CAT, 2), (DOG, 1)]
    assert mean_iou(seen.objects[0]) == (1 + 0.75 + 0.75) / 3
    assert mean_iou(seen.objects[3]) is None


def test_counts_are_by_true_class_and_every_object_is_counted_once():
    objects = objects_seen([compared(), compared(image(label(HERE, CAT)))])
    counts = count_seen(objects, classes=3)
    assert counts.loc[CAT].tolist() == [2, 0, 0, 0, 2]
    assert counts.loc[DOG].tolist() == [0, 1, 0, 1, 0]
    assert counts.loc[2].tolist() == [0, 0, 0, 0, 0]
    assert counts.loc[NO_MATCH].tolist() == [0, 1, 2, 0, 0]
    assert counts[list(SeenBy)].sum().sum() == len(objects)


def test_nothing_seen_and_nothing_labelled_counts_nothing():
    counts = count_seen(objects_seen([]), classes=2)
    assert counts.to_numpy().sum() == 0
    assert counts.index.tolist() == [0, 1, NO_MATCH]
