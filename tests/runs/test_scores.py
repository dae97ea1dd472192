"""Scores name the images they were measured on, and say so wherever a card is read."""

import dataclasses

import pytest

from splitlab.checkpoints.checkpoint import read_card
from splitlab.checkpoints.files import card_in_words
from splitlab.checkpoints.scores import checked_scores, scored_on
from splitlab.errors import CheckpointError
from splitlab.workspace import Workspace

ON = {"dataset": "pets", "part": "val", "images": 119}
PLAIN = {"mask": {"ap50": 50.0}, "box": {"ap50": 50.0}}


def test_scores_say_which_images_they_are_of():
    assert scored_on({**PLAIN, "scored_on": ON}, "pets") == "val of pets, 119 images"
    assert scored_on({**PLAIN, "scored_on": {**ON, "images": 1}}, "pets") == "val of pets, 1 image"


def test_scores_of_older_files_are_of_the_val_images_of_their_dataset():
    assert scored_on(PLAIN, "pets") == "val of pets"
    assert scored_on(PLAIN, "") == "val"


@pytest.mark.parametrize(
    "broken",
    [
        3,
        {},
        {**ON, "images": -1},
        {**ON, "images": "many"},
        {**ON, "part": 7},
        {**ON, "dataset": "x" * 2000},
        ON | {"more": 1},
    ],
)
def test_images_that_are_none_are_refused(broken):
    with pytest.raises(ValueError, match="scored_on does not state"):
        checked_scores({**PLAIN, "scored_on": broken})


def test_every_card_that_ships_names_its_val_images():
    cards = [read_card(card.parent) for card in sorted(Workspace.here().checkpoints.glob("*/card.json"))]
    assert len(cards) >= 13
    images = {"pets": "119 images", "embedded": "300 images", "street": "130 images"}
    for card in cards:
        assert card_in_words(card, {})["scored on"] == f"val of {card.dataset}, {images[card.dataset]}"


def test_a_card_with_broken_images_is_refused_and_one_without_scores_says_nothing():
    card = read_card(next(Workspace.here().checkpoints.glob("pets-*")))
    with pytest.raises(CheckpointError, match="scored_on"):
        dataclasses.replace(card, scores={**PLAIN, "scored_on": {"part": "val"}})
    assert "scored on" not in card_in_words(dataclasses.replace(card, scores={}), {})
