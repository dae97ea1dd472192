import shutil
from dataclasses import replace

import pytest
from PIL import Image

from splitlab.data.dataset import LabelState, Problem, ProblemKind
from splitlab.data.fit_for_training import notes_on, refuse_unfit, refuse_unscorable, with_scorable_val
from splitlab.data.split import Split
from splitlab.errors import DataError, SplitError


@pytest.fixture
def split(tiny):
    return Split((1, 2), (3, 4), 0, tiny.train.source_hash)


def with_train(data, *changed):
    known = {image.image_id: image for image in changed}
    images = tuple(known.get(image.image_id, image) for image in data.train.images)
    return replace(data, train=replace(data.train, images=images))


def as_crowds(dataset):
    images = (
        replace(image, objects=tuple(replace(label, is_crowd=True) for label in image.objects))
        for image in dataset.images
    )
    return replace(dataset, images=tuple(images))


def test_a_sound_split_is_let_through_without_a_note(tiny, split):
    refuse_unfit(tiny, split)
    assert notes_on(tiny) == []


@pytest.mark.parametrize("image_id", [1, 4])
@pytest.mark.parametrize(
    ("state", "says"),
    [
        (LabelState.NONE, "has no labels .* read-as"),
        (LabelState.BROKEN, "has labels that cannot .* data check"),
    ],
)
def test_images_with_unknown_labels_are_refused_in_f_and_in_w(tiny, split, image_id, state, says):
    odd = with_train(tiny, replace(tiny.train.by_id[image_id], state=state))
    with pytest.raises(SplitError, match=f"Image {image_id} of the split {says}"):
        refuse_unfit(odd, split)
    refuse_unfit(odd, Split((5, 6), (7,), 0, tiny.train.source_hash))


def test_a_split_whose_objects_are_all_crowds_is_refused_with_the_way_out(tiny, split):
    crowds = replace(tiny, train=as_crowds(tiny.train))
    with pytest.raises(SplitError, match=r"All 12 objects .* crowd regions \(iscrowd 1\).*--crowds objects"):
        refuse_unfit(crowds, split)


def test_a_split_of_background_images_is_refused(tiny, split):
    empty = with_train(tiny, *(replace(tiny.train.by_id[image_id], objects=()) for image_id in (1, 2, 3, 4)))
    with pytest.raises(SplitError, match="No image of the split 2/2 shows an object"):
        refuse_unfit(empty, split)


@pytest.mark.parametrize("subset", ["train", "val"])
@pytest.mark.parametrize(
    ("content", "says"), [(None, "the photo is missing"), (b"", "it is an empty file"), (b"<html>", "cannot be read")]
)
def test_photos_that_cannot_be_opened_are_refused_before_training(tiny, split, tmp_path, subset, content, says):
    path = tmp_path / "odd.png"
    if content is not None:
        path.write_bytes(content)
    part = getattr(tiny, subset)
    images = tuple(replace(image, path=path) if place < 2 else image for place, image in enumerate(part.images))
    with pytest.raises(DataError, match=f"odd.png: .*{says}.* 1 more photos have a fault"):
        refuse_unfit(replace(tiny, **{subset: replace(part, images=images)}), split)


def test_a_photo_of_another_size_is_refused_before_training(tiny, split, tmp_path):
    Image.new("RGB", (7, 9)).save(tmp_path / "odd.png")
    with pytest.raises(DataError, match="7 x 9 pixels, its labels say 64 x 64"):
        refuse_unfit(with_train(tiny, replace(tiny.train.by_id[1], path=tmp_path / "odd.png")), split)


def test_photos_outside_the_split_may_be_missing(tiny, split, tmp_path):
    refuse_unfit(with_train(tiny, replace(tiny.train.by_id[9], path=tmp_path / "gone.png")), split)


def test_images_of_val_with_broken_labels_are_left_out_and_the_others_are_scored(tiny, split):
    broken = replace(tiny.val, images=(replace(tiny.val.images[0], state=LabelState.BROKEN), *tiny.val.images[1:]))
    seen = with_scorable_val(replace(tiny, val=broken))
    assert seen.val.images == tiny.val.images[1:]
    refuse_unfit(seen, split)
    assert with_scorable_val(tiny) is tiny


def test_without_a_val_part_it_is_said_how_to_cut_one(tiny, split):
    with pytest.raises(DataError, match="has no val part to score on"):
        refuse_unfit(replace(tiny, val=replace(tiny.val, images=())), split)


def test_a_val_set_whose_labels_are_broken_or_all_crowds_is_refused(tiny, split):
    broken = replace(tiny.val, images=(replace(tiny.val.images[0], state=LabelState.BROKEN), *tiny.val.images[1:]))
    for odd, says in ((broken, "1 images of .* labels that cannot be read"), (as_crowds(tiny.val), "All 4 objects")):
        with pytest.raises(DataError, match=says):
            refuse_unscorable(odd)
        with pytest.raises(DataError, match=says):
            refuse_unfit(replace(tiny, val=odd), split)


def test_what_could_not_be_read_and_classes_of_crowds_alone_are_noted(tiny):
    problem = Problem(ProblemKind.LABELS_UNREADABLE, "a.txt, line 3", "is odd", "Mend it.")
    first, second = notes_on(replace(tiny, train=replace(as_crowds(tiny.train), problems=(problem,))))[:2]
    assert first.startswith("1 entries of")
    assert first.endswith("a.txt, line 3: is odd. Mend it.")
    assert "objects of class 'square' in train are crowd regions" in second


def test_a_run_on_what_cannot_be_learnt_from_is_not_started(tiny_spec, tiny_folder, tmp_path):
    from splitlab.training.experiment import prepare_run

    folder = tmp_path / "tiny"
    shutil.copytree(tiny_folder, folder)
    for photo in (folder / "images").rglob("val_*.png"):
        photo.write_bytes(b"")
    with pytest.raises(DataError, match="it is an empty file"):
        prepare_run(tmp_path / "run", tiny_spec.changed(data=str(folder)), tmp_path)
    assert not (tmp_path / "run").exists()


def test_refusals_name_what_the_data_set_was_opened_as_and_not_its_title(tiny, split):
    path = "/data/my VOC/VOCdevkit"
    data = replace(tiny, train=replace(tiny.train, opened_as=path), val=replace(tiny.val, opened_as=path))
    first, crowds = tiny.train.images[0], as_crowds(data.val)
    broken = replace(data.val, images=(replace(tiny.val.images[0], state=LabelState.BROKEN),))
    refused = [
        (with_train(data, replace(first, state=LabelState.NONE)), f"data read-as '{path}' sets how"),
        (with_train(data, replace(first, state=LabelState.BROKEN)), f"data check '{path}' lists"),
        (replace(data, val=broken), f"data check '{path}'"),
        (replace(data, val=crowds), f"data read-as '{path}' --crowds objects"),
    ]
    for odd, says in refused:
        with pytest.raises((DataError, SplitError), match=says):
            refuse_unfit(odd, split)


def test_notes_are_on_the_parts_that_are_wanted(tiny):
    problem = Problem(ProblemKind.LABELS_UNREADABLE, "a.txt, line 3", "is odd", "Mend it.")
    train = replace(as_crowds(tiny.train), problems=(problem,))
    data = replace(tiny, train=train)
    assert notes_on(data, ("val",)) == []
    assert notes_on(data, ("train",)) == notes_on(data) != []
