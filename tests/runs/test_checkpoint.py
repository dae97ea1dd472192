import json

import numpy as np
import pytest
import torch

from splitlab.checkpoints.checkpoint import list_checkpoints, read_card, read_weights, save_checkpoint
from splitlab.checkpoints.files import card_in_words
from splitlab.errors import CheckpointError, RunError
from splitlab.io import write_bytes
from splitlab.models.detr.sizes import SIZES
from splitlab.models.registry import build_model, load_model
from tests.checkpoints import card, write_checkpoint


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "checkpoints" / "test")


def test_a_checkpoint_is_two_files_that_come_back(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.safetensors"]
    model, read = load_model(folder)
    assert read == card()
    assert read.split_name == "3/4"
    torch.manual_seed(0)
    fresh = build_model("yolov5n-seg", 2, 64).state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.allclose(tensor.float(), fresh[name].float(), rtol=1e-3, atol=1e-6), name


def test_a_card_cannot_steer_the_terminal_that_shows_it(folder):
    path = folder / "card.json"
    content = json.loads(path.read_text())
    content |= {
        "dataset": "pets\x1b]52;c;eA==\x07",
        "class_names": ["ok", "clear\x1b[2J"],
        "trained_by": {"a\x9b": ["\x00"]},
    }
    path.write_text(json.dumps(content))
    told = read_card(folder)
    assert (told.dataset, told.class_names) == ("pets\ufffd]52;c;eA==\ufffd", ["ok", "clear\ufffd[2J"])
    path.write_text(json.dumps(content | {"data_licence": "CC BY 4.0\n\tsee there"}))
    assert read_card(folder).data_licence == "CC BY 4.0 see there"
    assert told.trained_by == {"a\ufffd": ["\ufffd"]}


@pytest.mark.parametrize("name", ["yolov5n-seg", "yolov5n-lite0-seg", *SIZES])
def test_a_card_that_does_not_say_so_has_its_masks_cut_or_whole_as_the_original_does(name):
    with torch.device("meta"):
        assert card(model=name).cuts_masks == build_model(name, 2, 64).cuts_masks == (name not in SIZES)


@pytest.mark.parametrize("cut", [True, False])
def test_a_checkpoint_gives_the_masks_that_its_card_says(cut, tmp_path):
    scores = {"mask": {"ap50": 50.0, "cut_to_box": cut}, "box": {"ap50": 60.0}}
    model, read = load_model(write_checkpoint(tmp_path / "one", scores=scores))
    assert model.cuts_masks == cut
    words = card_in_words(read, {})
    assert words["masks"] == ("cut to their boxes" if cut else "not cut to their boxes")
    assert words["mask AP"] == "AP50 50.0"


def test_scores_of_an_older_detr_are_said_to_be_of_other_masks_than_it_gives_now():
    older = card(model="detr-r50", scores={"mask": {"ap50": 50.0}, "box": {"ap50": 60.0}})
    words = card_in_words(older, {})
    assert words["masks"] == "not cut to their boxes"
    assert words["mask AP"] == "AP50 50.0 (measured on masks cut to their boxes; evaluate it again)"


def test_floats_are_stored_in_half_precision(folder):
    assert (folder / "model.safetensors").stat().st_size < 2.1 * 2e6


def test_checkpoints_are_listed_by_folder(folder):
    folder.with_name(".draft").mkdir()
    (folder.with_name(".draft") / "card.json").write_text("{}")
    assert list_checkpoints(folder.parent) == [folder]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.zip", r"mine\.zip is a file\. Import it first: splitlab checkpoint import \S+/mine\.zip$"),
        ("yolo v5.pt", r"Import it first: splitlab checkpoint import '\S+/yolo v5\.pt'$"),
        ("model.safetensors", r"is one of a checkpoint's two files\. Give their folder: \S+$"),
    ],
)
def test_a_file_in_place_of_a_folder_is_named_with_what_to_do(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"PK")
    for reads in (read_card, load_model):
        with pytest.raises(CheckpointError, match=message):
            reads(tmp_path / name)


def test_a_path_too_long_for_the_disk_is_said_in_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="File name too long"):
        read_card(tmp_path / ("x" * 300))


def test_a_folder_without_a_card_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"has no card\.json"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        *(
            json.dumps({**vars(card()), **change})
            for change in (
                {"class_names": []},
                {"class_names": [1, 2]},
                {"class_names": 7},
                {"class_names": "cats"},
                {"class_names": ["c" * 1001]},
                {"scores": [1]},
                {"scores": None},
                {"trained_by": 3},
                {"extra": 1},
                {"image_size": "large"},
                {"image_size": 10**9},
                {"full": -1},
                {"scores": {"mask": {"ap50": 1e9}, "box": {}}},
                {"scores": {"mask": "good", "box": {}}},
                {"scores": {"mask": {"cut_to_box": 1}, "box": {}}},
            )
        ),
    ],
)
def test_a_broken_card_is_refused(folder, content):
    (folder / "card.json").write_text(content)
    with pytest.raises(CheckpointError):
        read_card(folder)


def test_a_card_of_a_gigabyte_is_not_read(folder):
    with (folder / "card.json").open("r+") as file:
        file.truncate(10**9)
    with pytest.raises(CheckpointError, match="not a checkpoint's card"):
        read_card(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x04cos\nsystem\n", b"\xff" * 100, (2**62).to_bytes(8, "little") + b"{}", None],
    ids=["empty", "pickle", "noise", "a header of 2^62 bytes", "missing"],
)
def test_weights_that_are_no_safetensors_are_refused_and_run_nothing(folder, content):
    path = folder / "model.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read"):
        read_weights(folder)


def test_weights_of_another_model_than_the_cards_are_refused(folder):
    content = json.loads((folder / "card.json").read_text())
    for change in ({"model": "yolov5s-seg"}, {"class_names": ["a", "b", "c"]}, {"model": "unknown"}):
        (folder / "card.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(CheckpointError):
            load_model(folder)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(RunError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_tensors_keep_their_values_to_half_precision(tmp_path):
    weights = {"a": np.array([1.5, -2.25, 1e-3], np.float32), "bn.num_batches_tracked": np.array(7, np.int64)}
    save_checkpoint(tmp_path, weights, card())
    read = read_weights(tmp_path)
    assert read["a"].dtype == np.float32
    assert np.allclose(read["a"], weights["a"], rtol=1e-3)
    assert read["bn.num_batches_tracked"] == 7


@pytest.mark.parametrize(("model", "asked", "refines"), [
    ("yolov5n-lite0-seg", True, True),
    ("yolov5n-lite0-seg", "true", False),
    ("yolov5n-lite0-seg", None, False),
    ("detr-lite0-few", True, False),
    ("yolo11n-seg", True, False),
])  # fmt: skip
def test_the_card_says_that_boxes_are_refined_where_they_are(model, asked, refines):
    told = card(model=model, trained_by={} if asked is None else {"refine_boxes": asked})
    assert told.refines_boxes is refines
    assert ("boxes" in card_in_words(told, {})) is refines
