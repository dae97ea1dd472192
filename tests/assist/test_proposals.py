"""Proposals of a whole dataset: made, stopped and resumed, answered, and opened as a dataset."""

import json
import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest

from splitlab.assist.cost import AssistedPrices
from splitlab.assist.grabcut import GrabCutMaker
from splitlab.assist.maker import MadeMask, Taught, box_region
from splitlab.assist.proposals import ABOUT, LABELS, State, answer, proposal_folders, read_proposals
from splitlab.assist.propose import ProposeSettings, propose
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.split import as_split, draw_split, without_masks
from splitlab.errors import BudgetError, DataError, SettingsError
from splitlab.geometry import mask_to_rle, rle_area, rle_to_mask
from tests.conftest import write_tiny

SETTINGS = ProposeSettings(learn_from=20)


@dataclass
class FilledBoxes:
    """Fills each box; raises KeyboardInterrupt after some photos, as Ctrl-C does."""

    name: str = "filled"
    photos: list = field(default_factory=list)
    most: int = 1000

    def make(self, photo, boxes):
        if len(self.photos) == self.most:
            raise KeyboardInterrupt
        self.photos.append(photo)
        regions = [box_region(box, *photo.shape[:2]) for box in boxes]
        return [MadeMask((a, b, c, d), np.ones((d - b, c - a), np.float32)) for a, b, c, d in regions]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """24 photos, of which 16 are F."""
    folder = tmp_path_factory.mktemp("shapes")
    write_tiny(folder, {"train": 24, "val": 2})
    data = read_coco_folder(folder)
    return as_split(data, draw_split(data.train, 16, 8, 0), without_masks)


@pytest.fixture
def made(shapes, tmp_path):
    return propose(shapes, GrabCutMaker(), tmp_path / "out", SETTINGS)


def file_of(folder):
    return json.loads((folder / LABELS).read_text())


def test_every_box_gets_a_proposal_ranked_by_predicted_iou(made):
    assert len(made.ranked) == 8
    predicted = [proposal.predicted_iou for proposal in made.ranked]
    assert predicted == sorted(predicted, reverse=True)
    assert {proposal.state for proposal in made.ranked} == {State.PROPOSED}
    assert made.about.reliability.objects == 16
    assert sum(third.objects for third in made.about.reliability.thirds) == 16
    ranks = {one["id"]: one["rank"] for one in file_of(made.folder)["annotations"] if "rank" in one}
    assert [ranks[proposal.number] for proposal in made.ranked] == list(range(1, 9))


def test_the_proposed_masks_are_those_of_the_objects(shapes, made, tmp_path):
    """The boxes were cut from drawn shapes of one colour, which GrabCut finds."""
    truth = {image.path.name: image for image in read_coco_folder(shapes_folder(shapes)).train.images}
    ious = []
    for proposal in made.ranked:
        drawn = rle_to_mask(truth[proposal.image.path.name].objects[0].mask)
        found = rle_to_mask(proposal.mask)
        ious.append((drawn & found).sum() / (drawn | found).sum())
    assert np.mean(ious) > 0.9


def shapes_folder(shapes):
    return shapes.train.images[0].path.parents[1]


def test_a_folder_of_proposals_is_a_dataset_whose_accepted_images_are_full(made):
    before = read_coco_folder(made.folder).train
    assert sum(image.can_be_full for image in before.images) == 16
    assert not before.problems
    for proposal in made.ranked[:3]:
        answer(made.folder, proposal.number, State.ACCEPTED, 2.0)
    answer(made.folder, made.ranked[3].number, State.REJECTED, 4.0)
    after = read_coco_folder(made.folder).train
    assert sum(image.can_be_full for image in after.images) == 19
    accepted = after.by_id[made.ranked[0].image.image_id].objects[0]
    assert accepted.mask == made.ranked[0].mask


def test_answers_are_kept_with_their_seconds_and_can_be_taken_back(made):
    number, drawn = made.ranked[0].number, np.zeros((64, 64), bool)
    drawn[10:20, 10:30] = True
    answer(made.folder, number, State.REDRAWN, 12.34, mask_to_rle(drawn))
    (redrawn,) = [one for one in read_proposals(made.folder).ranked if one.number == number]
    assert (redrawn.state, redrawn.seconds, rle_area(redrawn.mask)) == (State.REDRAWN, 12.34, 200)
    answer(made.folder, number, State.PROPOSED)
    assert read_proposals(made.folder).ranked == made.ranked
    assert "made" not in next(one for one in file_of(made.folder)["annotations"] if one["id"] == number)


def test_an_answer_in_a_few_hundredths_of_a_second_keeps_its_time(made):
    answer(made.folder, made.ranked[0].number, State.ACCEPTED, 0.03)
    assert read_proposals(made.folder).look_seconds == [0.03]


def test_shares_count_what_was_answered(made):
    states = [State.ACCEPTED, State.ACCEPTED, State.ACCEPTED, State.REJECTED]
    for proposal, state in zip(made.ranked, states, strict=False):
        answer(made.folder, proposal.number, state, 3.0)
    found = read_proposals(made.folder)
    assert found.rejected_share == 0.25
    assert found.look_seconds == [3.0] * 4
    assert made.rejected_share == 0


@pytest.mark.parametrize(("state", "drawn"), [(State.REDRAWN, None), (State.ACCEPTED, "mask"), (State.REDRAWN, "none")])
def test_only_a_redrawn_proposal_has_a_new_mask_and_it_is_not_empty(made, state, drawn):
    masks = {"mask": mask_to_rle(np.ones((64, 64), bool)), "none": mask_to_rle(np.zeros((64, 64), bool)), None: None}
    with pytest.raises(DataError, match="at least one pixel"):
        answer(made.folder, made.ranked[0].number, state, 1.0, masks[drawn])


def test_a_proposal_that_is_not_there_cannot_be_answered(made):
    with pytest.raises(DataError, match="0 proposals with the number 999"):
        answer(made.folder, 999, State.ACCEPTED)


def test_stopped_work_goes_on_where_it_was(shapes, tmp_path):
    whole = propose(shapes, FilledBoxes(), tmp_path / "whole", ProposeSettings(0))
    stopped = FilledBoxes(most=5)
    with pytest.raises(KeyboardInterrupt):
        propose(shapes, stopped, tmp_path / "out", ProposeSettings(0))
    with pytest.raises(DataError, match="not finished"):
        read_proposals(tmp_path / "out")
    # The last line was being written when the power failed.
    made = tmp_path / "out" / "made.jsonl"
    made.write_text(made.read_text()[:-20])
    resumed = FilledBoxes()
    found = propose(shapes, resumed, tmp_path / "out", ProposeSettings(0))
    assert len(resumed.photos) == 4
    assert [(one.number, one.mask) for one in found.ranked] == [(one.number, one.mask) for one in whole.ranked]
    assert not made.exists()


def test_finished_work_is_read_and_not_done_again(shapes, made):
    lazy = FilledBoxes(name="grabcut", most=0)
    assert propose(shapes, lazy, made.folder, SETTINGS).ranked == made.ranked


@pytest.mark.parametrize("change", [{"maker": FilledBoxes()}, {"settings": ProposeSettings(3)}])
def test_other_work_is_refused_in_the_same_folder(shapes, made, change):
    given = {"maker": GrabCutMaker(), "settings": SETTINGS} | change
    with pytest.raises(DataError, match="another maker, dataset or setting"):
        propose(shapes, given["maker"], made.folder, given["settings"])


def test_a_folder_with_other_files_is_refused(shapes, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="not an empty folder"):
        propose(shapes, FilledBoxes(), tmp_path, SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_dataset_whose_objects_all_have_masks_needs_a_split(tiny, tmp_path):
    with pytest.raises(DataError, match="--split"):
        propose(tiny, FilledBoxes(), tmp_path / "out", SETTINGS)


def test_without_masks_of_f_iou_is_not_predicted(shapes, tmp_path):
    found = propose(shapes, GrabCutMaker(), tmp_path / "out", ProposeSettings(0))
    assert found.about.reliability is None
    assert {proposal.predicted_iou for proposal in found.ranked} == {None}
    assert len(found.ranked) == 8


def test_a_maker_that_can_learn_learns_from_f_alone(shapes, tmp_path):
    seen = []

    @dataclass
    class Learner(FilledBoxes):
        name: str = "learner"
        least_examples: int = 5

        def taught(self, examples, progress):
            seen.extend(examples)
            boxes = [self.make(example.photo, example.box[None])[0] for example in examples]
            return Taught(FilledBoxes("taught"), boxes)

    found = propose(shapes, Learner(), tmp_path / "out", ProposeSettings(12))
    assert len(seen) == 12
    assert all(example.mask.any() for example in seen)
    assert found.about.reliability.objects == 12


def test_a_photo_that_cannot_be_read_is_left_out_and_named(tmp_path):
    write_tiny(tmp_path / "data", {"train": 6, "val": 1})
    labels = tmp_path / "data" / "instances_train.json"
    content = json.loads(labels.read_text())
    for one in content["annotations"]:
        del one["segmentation"]
    labels.write_text(json.dumps(content))
    data = read_coco_folder(tmp_path / "data")
    photo = data.train.images[0].path
    photo.write_bytes(photo.read_bytes()[:200])
    found = propose(data, FilledBoxes(), tmp_path / "out", SETTINGS)
    assert len(found.ranked) == 5
    assert photo.name in found.about.notes[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ABOUT, "{"),
        (ABOUT, "[]"),
        (ABOUT, '{"maker": 1}'),
        (LABELS, "{"),
        (LABELS, None),
    ],
)
def test_broken_files_give_a_sentence(made, name, text):
    path = made.folder / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError):
        read_proposals(made.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "yes"},
        {"predicted_iou": "high"},
        {"seconds": None},
        {"confidence": float("nan")},
        {"image_id": 77},
        {"image_id": [1]},
    ],
)
def test_a_proposal_that_somebody_changed_gives_a_sentence_and_no_crash(made, change):
    content = file_of(made.folder)
    next(one for one in content["annotations"] if "state" in one).update(change)
    (made.folder / LABELS).write_text(json.dumps(content))
    with pytest.raises(DataError, match="cannot be read"):
        read_proposals(made.folder)


def test_folders_of_proposals_are_found_among_datasets(made, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(made.folder, data / "b")
    shutil.copytree(made.folder, data / "a")
    (data / "other").mkdir()
    assert proposal_folders(data) == ["a", "b"]
    assert proposal_folders(tmp_path / "nowhere") == []


def test_a_mask_costs_its_box_a_look_and_the_rejected_share_of_drawing():
    prices = AssistedPrices(box_seconds=10, look_seconds=4, mask_seconds=80)
    assert prices.mask_with_proposal(0.25) == 34
    assert prices.mask_with_proposal(prices.break_even) == pytest.approx(80)
    assert AssistedPrices(90, 4, 80).break_even == 0
    for wrong in (-1.0, float("nan")):
        with pytest.raises(BudgetError):
            AssistedPrices(wrong, 1, 1)
    with pytest.raises(BudgetError, match="from 0 to 1"):
        prices.mask_with_proposal(1.2)


def test_settings_out_of_range_are_refused():
    for wrong in ({"learn_from": -1}, {"learn_from": 10**6}, {"seed": -1}):
        with pytest.raises(SettingsError, match="learn_from"):
            ProposeSettings(**wrong)
