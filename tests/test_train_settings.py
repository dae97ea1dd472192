"""Settings written as NAME=VALUE: numbers are read, texts are left as they are."""

from splitlab.cli.train_settings import named_values


def test_numbers_and_truth_are_read_and_texts_keep_their_quotes():
    said = ["steps=3", "flip=0.5", "compiled=true", 'mask_classes="dog, big",cat', "classes=3"]
    assert named_values(said) == {
        "steps": 3, "flip": 0.5, "compiled": True, "mask_classes": '"dog, big",cat', "classes": "3",
    }  # fmt: skip
