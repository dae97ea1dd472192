import time

import pytest

from splitlab.evaluation.comparison import difference_in_words
from splitlab.evaluation.disagreement import compare_dataset, compare_image, rank_by_disagreement
from tests.evaluation.drawn import box_only, dataset, found, image, label, random_case

CAT, DOG = 0, 1
NAMES = ("Abyssinian_cat", "dog")
HERE, SHORTER, THERE = (0, 0, 40, 40), (0, 0, 40, 30), (60, 60, 90, 90)


def compare(labels, *models, min_score=0.3):
    return compare_image(labels, {f"m{place}": rows for place, rows in enumerate(models)}, min_score)


def in_words(labels, *models):
    return difference_in_words(compare(labels, *models), NAMES)


def test_votes_on_one_object_are_brought_together_whatever_their_class():
    labels = image(label(HERE, CAT))
    (seen,) = compare(labels, found((HERE, 0.9, CAT)), found((SHORTER, 0.8, DOG)), found()).objects
    assert (seen.truth_index, seen.truth_class, seen.classes) == (0, CAT, {CAT, DOG})
    assert {model: vote.class_index for model, vote in seen.votes.items()} == {"m0": CAT, "m1": DOG}
    assert seen.votes["m1"].truth_iou == pytest.approx(0.75)
    assert seen.mask_iou == {("m0", "m1"): pytest.approx(0.75)}


def test_a_models_vote_is_its_best_score_and_keeps_its_place():
    seen = compare(image(label(HERE, CAT)), found((THERE, 0.1, CAT), (HERE, 0.5, DOG), (SHORTER, 0.7, CAT))).objects[0]
    assert (seen.votes["m0"].detection, seen.votes["m0"].class_index) == (2, CAT)


def test_what_is_not_labelled_is_brought_together_too():
    compared = compare(image(label(HERE, CAT)), found((THERE, 0.9, CAT)), found((THERE, 0.8, DOG), (HERE, 0.7, CAT)))
    labelled, unlabelled = compared.objects
    assert list(labelled.votes) == ["m1"]
    assert (unlabelled.truth_index, unlabelled.classes) == (None, {CAT, DOG})


def test_what_lies_in_a_crowd_is_left_out():
    labels = image(label((0, 0, 80, 80), CAT, crowd=True), label(THERE, DOG))
    compared = compare(labels, found((HERE, 0.9, CAT), (THERE, 0.9, DOG)))
    assert [seen.truth_index for seen in compared.objects] == [1]


def test_what_lies_in_the_box_of_an_object_without_a_mask_is_left_out_and_so_is_the_object():
    labels = image(box_only((0, 0, 50, 50), CAT), label(THERE, DOG))
    compared = compare(labels, found((HERE, 0.9, CAT), (THERE, 0.9, DOG)), found())
    assert [seen.truth_index for seen in compared.objects] == [1]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (found((HERE, 0.5, CAT)), 0),
        (found((SHORTER, 0.9, CAT)), 0.25),
        (found((HERE, 0.9, DOG)), 1),
        (found((SHORTER, 0.9, DOG)), 1.25),
        (found(), 1),
        (found((HERE, 0.9, CAT), (THERE, 0.9, CAT)), 0.5),
    ],
)
def test_disagreement_is_the_share_that_differs_and_what_the_outlines_lack(second, expected):
    compared = compare(image(label(HERE, CAT)), found((HERE, 0.9, CAT)), second)
    assert compared.disagreement == pytest.approx(expected)


def test_models_that_all_miss_or_all_mistake_an_object_agree():
    assert compare(image(label(HERE, CAT)), found(), found()).disagreement == 0
    both_wrong = found((HERE, 0.9, DOG))
    assert compare(image(label(HERE, CAT)), both_wrong, both_wrong).disagreement == 0
    assert compare(image(), found(), found()).disagreement == 0


def test_the_order_of_the_models_does_not_matter():
    truth, first = random_case(1)
    second = [*first[1:], first[0]]
    for labels, one, other in zip(truth.images, first, second, strict=True):
        there, back = compare(labels, one, other), compare(labels, other, one)
        assert there.disagreement == pytest.approx(back.disagreement)
        assert len(there.objects) == len(back.objects)


def test_a_model_agrees_with_itself():
    truth, detections = random_case(2)
    compared = compare_dataset(truth, {"a": detections, "b": detections}, 0.0)
    assert [image.disagreement for image in compared] == pytest.approx([0] * len(compared))


def test_the_telling_images_come_first_and_equals_keep_their_order():
    truth = dataset(*[[label(HERE, CAT)]] * 4)
    same, dog = found((HERE, 0.9, CAT)), found((HERE, 0.9, DOG))
    compared = compare_dataset(truth, {"a": [same] * 4, "b": [same, dog, same, dog]}, 0.3)
    assert [image.image_id for image in rank_by_disagreement(compared)] == [11, 13, 10, 12]


def test_a_wrong_class_is_told_first():
    labels = image(label(HERE, CAT), label(THERE, DOG))
    right = found((HERE, 0.9, CAT), (THERE, 0.9, DOG))
    assert in_words(labels, right, found((SHORTER, 0.81, DOG))) == (
        "m1 calls the Abyssinian cat a dog (0.81); m1 misses the dog; "
        "m0 has the better outline of the Abyssinian cat, IoU 1.00 against 0.75."
    )


def test_several_models_share_a_phrase():
    labels = image(label(HERE, DOG))
    wrong = found((HERE, 0.81, CAT)), found((HERE, 0.7, CAT))
    assert in_words(labels, found((HERE, 0.9, DOG)), *wrong) == "m1 and m2 call the dog an Abyssinian cat (0.81, 0.70)."
    assert in_words(labels, found((HERE, 0.9, DOG)), found(), found()) == "only m0 finds the dog."
    seen = found((HERE, 0.9, DOG))
    assert in_words(labels, seen, found(), seen, found()) == "m1 and m3 miss the dog."


def test_the_only_one_that_sees_an_object_may_still_be_wrong_about_it():
    labels = image(label(HERE, DOG))
    assert in_words(labels, found((HERE, 0.46, CAT)), found(), found()) == (
        "only m0 sees the dog, and calls it an Abyssinian cat (0.46)."
    )


def test_one_of_several_alike_is_not_called_the_only_one():
    labels = image(label(HERE, DOG), label(THERE, DOG))
    assert in_words(labels, found((HERE, 0.9, DOG)), found((HERE, 0.9, DOG), (THERE, 0.9, DOG))) == "m0 misses one dog."


def test_what_fits_nothing_labelled_is_told_with_its_class():
    assert in_words(image(), found((HERE, 0.45, DOG)), found()) == "m0 sees a dog (0.45) that fits no labelled object."


def test_agreement_is_told_too():
    assert in_words(image(label(HERE, CAT)), found((HERE, 0.9, CAT)), found((HERE, 0.8, CAT))) == (
        "All models see the same."
    )
    assert in_words(image(), found(), found()) == "Nothing is labelled here, and no model sees anything."


def test_four_models_with_twenty_objects_each_are_compared_well_within_200_ms():
    places = [(20 * (n % 5), 25 * (n // 5), 20 * (n % 5) + 18, 25 * (n // 5) + 20) for n in range(20)]
    labels = image(*[label(place, CAT) for place in places])
    rows = found(*[(place, 0.9, CAT) for place in places])
    started = time.process_time()
    compared = compare(labels, rows, rows, rows, rows)
    difference_in_words(compared, NAMES)
    assert time.process_time() - started < 0.2
    assert compared.disagreement == pytest.approx(0)
