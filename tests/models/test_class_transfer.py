import numpy as np
import pytest
import torch

from splitlab.models.foreign.reader import start_from
from splitlab.models.registry import build_for_training, new_classes_in_words, transfer_classes, weights_of

SIDE = 64
NAMES = ["yolov5n-seg", "yolov8n-seg", "yolo26n-seg", "detr-lite0-few"]
BASE, NOVEL = ["cat", "dog", "fish"], ["dog", "boat"]


def built(name, classes, seed=0):
    return build_for_training(name, len(classes), SIDE, seed)


def with_marked_rows(model, classes):
    """Weights whose class rows hold the place of the class plus 100, and nothing else does."""
    weights = weights_of(model)
    for tensor, rows in model.class_rows(len(classes)).items():
        for place in range(len(classes)):
            weights[tensor][rows[place].numpy()] = 100 + place
    return weights


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    base, novel = built(request.param, BASE), built(request.param, NOVEL, seed=1)
    before = weights_of(novel)
    report = start_from(novel, transfer_classes(novel, with_marked_rows(base, BASE), NOVEL, BASE))
    return base, novel, before, report


def test_everything_fits_but_only_known_classes_bring_their_rows(case):
    _, novel, before, report = case
    assert not report.left
    after = weights_of(novel)
    for name, rows in novel.class_rows(len(NOVEL)).items():
        dog, boat = rows[0].numpy(), rows[1].numpy()
        assert (after[name][dog] == 100 + BASE.index("dog")).all()
        assert np.array_equal(after[name][boat], before[name][boat])


def test_rows_that_belong_to_no_class_are_the_checkpoints(case):
    base, novel, _, _ = case
    given, taken = weights_of(base), weights_of(novel)
    for name, rows in novel.class_rows(len(NOVEL)).items():
        of_base = base.class_rows(len(BASE))[name].flatten().numpy()
        own = np.delete(taken[name], rows.flatten().numpy(), axis=0)
        assert np.array_equal(own, np.delete(given[name], of_base, axis=0))


def test_equal_counts_of_other_classes_are_not_mistaken_for_the_same_classes():
    model, before = built("yolov5n-seg", NOVEL), weights_of(built("yolov5n-seg", NOVEL))
    weights = with_marked_rows(built("yolov5n-seg", ["a", "b"], seed=1), ["a", "b"])
    start_from(model, transfer_classes(model, weights, NOVEL, ["a", "b"]))
    after = weights_of(model)
    for name, rows in model.class_rows(2).items():
        assert np.array_equal(after[name][rows.flatten().numpy()], before[name][rows.flatten().numpy()])


def test_the_same_classes_in_another_order_bring_their_own_rows():
    model = built("yolov5n-seg", ["b", "a"])
    weights = with_marked_rows(built("yolov5n-seg", ["a", "b"], seed=1), ["a", "b"])
    start_from(model, transfer_classes(model, weights, ["b", "a"], ["a", "b"]))
    after, rows = weights_of(model), model.class_rows(2)
    assert all((after[name][rows[name][0].numpy()] == 101).all() for name in rows)


def test_a_head_of_another_size_or_of_a_card_that_lies_is_left_alone():
    model, larger = built("yolov5n-seg", NOVEL), weights_of(built("yolov5s-seg", BASE))
    turned = transfer_classes(model, larger, NOVEL, BASE)
    assert all(np.array_equal(larger[name], turned[name]) for name in larger if larger[name].ndim > 1)
    lying = weights_of(built("yolov5n-seg", BASE))
    turned = transfer_classes(model, lying, NOVEL, ["only one"])
    assert np.array_equal(turned["model.24.m.0.bias"], lying["model.24.m.0.bias"])


def test_class_rows_are_where_the_head_reads_its_classes():
    """Raising the bias of one class's rows raises that class's scores, and nothing else."""
    model = built("yolov5n-seg", BASE).eval()
    images = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = model.outputs(images)
        for name, rows in model.class_rows(len(BASE)).items():
            if name.endswith("bias"):
                model.state_dict()[name][rows[1]] += 2
        after = model.outputs(images)
    assert (after["scores"][..., 1] > before["scores"][..., 1]).all()
    assert torch.equal(after["scores"][..., [0, 2]], before["scores"][..., [0, 2]])
    assert all(torch.equal(after[name], before[name]) for name in ("boxes", "coefficients", "prototypes"))


def test_new_classes_are_told():
    assert new_classes_in_words(NOVEL, BASE) == " Class rows start from random weights for boat."
    assert new_classes_in_words(["cat"], BASE) == ""
