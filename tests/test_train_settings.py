"""Settings written as NAME=VALUE: numbers are read, texts are left as they are."""

from splitlab.cli.train_settings import chosen_settings, named_values


def test_numbers_and_truth_are_read_and_texts_keep_their_quotes():
    said = ["steps=3", "flip=0.5", "compiled=true", 'mask_classes="dog, big",cat', "classes=3"]
    assert named_values(said) == {
        "steps": 3, "flip": 0.5, "compiled": True, "mask_classes": '"dog, big",cat', "classes": "3",
    }  # fmt: skip


def test_an_option_that_is_0_or_empty_was_given_and_one_that_is_none_was_not():
    options = {"clip": 0.0, "start_from": "", "steps": None}
    chosen = chosen_settings("quick-detr", options, [], full=0, weak=0)
    assert (chosen["clip"], chosen["start_from"]) == (0.0, "")
    assert chosen["steps"] == chosen_settings("quick-detr", {}, [], full=0, weak=0)["steps"]
