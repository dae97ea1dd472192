import json
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.data.selection.val_cut import FILE_NAME
from splitlab.errors import DataError
from tests.data.trees import HEIGHT, WIDTH, cityscapes_tree, pets_tree, voc_indices, voc_tree, write_indices

runner = CliRunner()


def run(*words, code=0):
    result = runner.invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.mark.parametrize("command", ["check", "get", "add", "export"])
def test_every_data_command_explains_itself_with_an_example(command):
    text = run("data", command, "--help")
    assert "Example" in text
    assert f"splitlab data {command}" in text


def test_every_command_that_there_is_has_an_example():
    commands = list(get_command(cli.app).commands.values())
    commands += [subcommand for group in commands for subcommand in getattr(group, "commands", {}).values()]
    runnable = [command for command in commands if not getattr(command, "no_args_is_help", False)]
    assert len(runnable) > 30
    assert all("Example" in (command.epilog or "") for command in runnable)


@pytest.mark.parametrize("tree", [voc_tree, cityscapes_tree, pets_tree])
def test_a_folder_is_recognised_by_itself_and_checked(tree, tmp_path):
    content = json.loads(run("data", "check", tree(tmp_path / "set"), "--json", code=1))
    assert content["train"]["images"] > 0
    assert all({"kind", "file", "what", "way_out"} == set(problem) for problem in content["problems"])


def test_a_clean_dataset_is_said_to_be_clean(tiny_folder):
    assert "every label fits its photo" in run("data", "check", tiny_folder)


def test_a_folder_is_copied_into_the_workspace_and_opens_by_its_name(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    assert "mine is here, recognised as COCO. In train, of 12 images" in words_of(
        "data", "add", tiny_folder, "--name", "mine"
    )
    checked = json.loads(run("data", "check", "mine", "--json"))
    assert checked["train"]["images"] == 12
    assert [path.name for path in (tmp_path / "workspace" / "data").iterdir()] == ["mine"]


def test_an_export_without_images_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    (tmp_path / "empty").mkdir()
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "empty" / "instances_default.json").write_text(json.dumps(content))
    said = str(runner.invoke(cli.app, ["data", "add", str(tmp_path / "empty")]).exception)
    assert said.startswith(f"Recognised as COCO. {tmp_path / 'empty'} has no images.")


def test_a_folder_that_holds_the_workspace_is_not_copied_into_itself(tiny_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_folder, tmp_path / "home")
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(folder / "workspace"))
    said = str(runner.invoke(cli.app, ["data", "add", str(folder)]).exception)
    assert said.startswith(f"{folder} holds the workspace, ")
    assert not (folder / "workspace").exists()


def test_an_archive_is_checked_without_being_kept(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    shutil.copytree(tiny_folder, tmp_path / "mine")
    next((tmp_path / "mine" / "images").glob("*.png")).unlink()
    archive = shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path / "mine")
    found = json.loads(run("data", "check", archive, "--json", code=1))
    assert found["format"] == "COCO"
    assert [problem["kind"] for problem in found["problems"]] == ["missing photo"]
    assert found["problems"][0]["file"].startswith(f"{archive}/images/")
    assert not list((tmp_path / "workspace" / "data").iterdir())


def test_labels_without_their_photos_are_refused_by_name(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    (tmp_path / "labels").mkdir()
    shutil.copy(tiny_folder / "instances_train.json", tmp_path / "labels")
    said = str(runner.invoke(cli.app, ["data", "add", str(tmp_path / "labels")]).exception)
    assert said.startswith("Recognised as COCO.")
    assert "has labels of 12 images, but none of the photos" in said


@pytest.fixture
def without_val(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "leaves")
    (folder / "instances_val.json").unlink()
    return folder


def test_a_val_part_is_cut_kept_and_given_back(without_val):
    assert "There is no val part" in words_of("data", "check", without_val)
    whole = json.loads(run("data", "check", without_val, "--json"))["train"]["images"]
    cut = json.loads(run("data", "cut", without_val, "--share", 0.25, "--json"))
    assert cut["val"]["masks"] > 0
    assert sum(cut["train"].values()) + sum(cut["val"].values()) == whole
    again = json.loads(run("data", "check", without_val, "--json"))
    assert again["val"]["images"] == sum(cut["val"].values())
    assert "val" in run("data", "cut", without_val, "--remove")
    assert json.loads(run("data", "check", without_val, "--json"))["train"]["images"] == whole


def test_a_dataset_without_images_is_not_said_to_be_clean(tmp_path):
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "leaf"}]}
    (tmp_path / "result.json").write_text(json.dumps(content))
    said = words_of("data", "check", tmp_path)
    assert "There are no images." in said
    assert "Every photo opens" not in said


def test_a_dataset_with_a_val_part_of_its_own_is_not_cut(tiny_folder):
    said = str(runner.invoke(cli.app, ["data", "cut", str(tiny_folder)]).exception)
    assert "has a val part of its own, with 4 images" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cut", "{data}", "--share", "2"), "A share of 2.0"),
        (("plan-labels", "{data}", "todo", "--masks", "99", "--boxes", "1"), "= 100 photos are more than"),
    ],
)
def test_what_cannot_be_cut_or_planned_is_refused_before_photos_are_compared(without_val, words, message, monkeypatch):
    monkeypatch.setattr("splitlab.cli.datasets.data.find_near_duplicates", None)
    said = str(runner.invoke(cli.app, ["data", *(word.format(data=without_val) for word in words)]).exception)
    assert message in said


@pytest.mark.parametrize("words", [("--share", "2"), ("--share", "0.5", "--seed", "1")])
def test_a_cut_that_fails_leaves_the_one_before(without_val, words, monkeypatch):
    run("data", "cut", without_val)
    before = (without_val / FILE_NAME).read_bytes()

    def full_disk(*_args):
        raise DataError("no space")

    monkeypatch.setattr("splitlab.cli.datasets.data.save_cut", full_disk)
    assert runner.invoke(cli.app, ["data", "cut", str(without_val), *words]).exit_code == 1
    assert (without_val / FILE_NAME).read_bytes() == before
    monkeypatch.undo()
    run("data", "cut", without_val, "--remove")
    assert not list(without_val.glob(f"*{FILE_NAME}"))


def test_training_without_a_val_part_is_told_how_to_cut_one(without_val):
    said = str(runner.invoke(cli.app, ["train", str(without_val), "--full", "2", "--weak", "2"]).exception)
    assert "has no val part to score on" in said
    assert "splitlab data cut" in said


def test_photos_alone_are_a_dataset_of_which_a_plan_says_what_to_label(tiny_folder, tmp_path):
    photos = shutil.copytree(tiny_folder / "images", tmp_path / "photos")
    said = words_of("data", "check", photos)
    assert "no labels" in said
    assert f"splitlab data plan-labels {photos}" in said
    plan = json.loads(run("data", "plan-labels", photos, tmp_path / "todo", "--masks", 3, "--boxes", 5, "--json"))
    whole = len(list(photos.rglob("*.png")))
    assert [len(plan[task]) for task in ("masks", "boxes", "leave")] == [3, 5, whole - 8]
    lines = (tmp_path / "todo" / "labelling-plan.csv").read_text().splitlines()
    assert len(lines) == whole + 1
    assert sum(line.endswith(",draw masks") for line in lines) == 3


def test_an_archive_is_added_under_its_own_name_where_none_is_given(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "workspace"))
    archive = shutil.make_archive(str(tmp_path / "my photos v1.2"), "gztar", tiny_folder)
    assert "my-photos-v1.2 is here" in run("data", "add", archive)
    assert (tmp_path / "workspace" / "data" / "my-photos-v1.2").is_dir()


def test_where_the_workspace_cannot_be_written_no_archive_is_blamed(tiny_folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path / "file"))
    archive = shutil.make_archive(str(tmp_path / "good"), "zip", tiny_folder)
    said = str(runner.invoke(cli.app, ["data", "add", archive]).exception)
    assert said.startswith(f"{tmp_path / 'file' / 'data'}: cannot be written")
    assert "good.zip" not in said


def test_an_archive_that_is_not_there_is_named(tmp_path):
    said = str(runner.invoke(cli.app, ["data", "add", str(tmp_path / "gone.zip")]).exception)
    assert said.startswith(f"{tmp_path / 'gone.zip'}: cannot be read")


def test_the_paper_protocol_draws_voc_by_name(tmp_path):
    root = voc_tree(tmp_path / "voc")
    everything = json.loads(run("split", root, "--protocol", "paper", "--full", 1, "--weak", "all", "--json"))
    some = json.loads(run("split", root, "--protocol", "paper", "--full", 1, "--weak", 1, "--json"))
    assert some["full"] == everything["full"]
    assert some["weak"] == everything["weak"][:1]
    assert some["seed"] == 42
    assert all(isinstance(image_id, str) for image_id in everything["weak"])


def test_weak_all_is_all_that_f_leaves(tiny_folder):
    split = json.loads(run("split", tiny_folder, "--full", 3, "--weak", "all", "--protocol", "stratified", "--json"))
    assert split["name"] == "3/9"


def test_lists_labels_and_few_shot_give_splits_too(tiny_folder, tmp_path):
    (tmp_path / "f.txt").write_text("train_1.png\ntrain_2.png\n")
    words = ("--protocol", "lists", "--full-list", tmp_path / "f.txt", "--json")
    assert json.loads(run("split", tiny_folder, *words))["full"] == [1, 2]
    (tmp_path / "f_and_w.txt").write_text("train_3.png\ntrain_1.png\ntrain_2.png\n")
    assert json.loads(run("split", tiny_folder, *words, "--weak-list", tmp_path / "f_and_w.txt"))["weak"] == [3]
    assert json.loads(run("split", tiny_folder, "--protocol", "labels", "--json"))["name"] == "12/0"
    words = ("--protocol", "few-shot", "--masks-per-class", 2, "--json")
    assert json.loads(run("split", tiny_folder, *words))["name"] == "4/8"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--protocol", "paper", "--full", 1), "no protocol"),
        (("--protocol", "few-shot"), "2007_000645"),
        (("--protocol", "lists"), "--full-list"),
        (("--full", 1, "--weak", "many"), "the word all"),
        (("--full", 1, "--weak", "²"), "the word all"),
        (("--full", 1, "--weak=--5"), "the word all"),
        ((), "--full 400"),
    ],
)
def test_splits_that_cannot_be_drawn_get_a_sentence(tiny_folder, words, message):
    result = runner.invoke(cli.app, ["split", str(tiny_folder), *map(str, words)])
    assert message in str(result.exception)


def test_a_w_exported_as_coco_keeps_the_difficult_objects_that_detr_learns(tmp_path):
    root = voc_tree(tmp_path / "voc")
    (root / "JPEGImages").mkdir()
    for xml in (root / "Annotations").glob("*.xml"):
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / "JPEGImages" / f"{xml.stem}.jpg")
        write_indices(root / "SegmentationObject" / f"{xml.stem}.png", voc_indices())
    run("split", root, "--protocol", "paper", "--full", 1, "--weak", 2, "--out", tmp_path / "split.json")
    run("data", "export", root, tmp_path / "out", "--split", tmp_path / "split.json")
    labels = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_text())
    # A dog in F; a difficult person and a dog, and a dog, in W.
    assert len(labels["annotations"]) == 4


def test_a_mixed_split_is_exported_to_yolo_once_somebody_says_how(tiny_folder, tmp_path):
    run("split", tiny_folder, "--full", 4, "--weak", 5, "--out", tmp_path / "split.json")
    words = ["data", "export", tiny_folder, tmp_path / "out", "--format", "yolo", "--split", tmp_path / "split.json"]
    assert "Add --labels boxes" in str(runner.invoke(cli.app, [*map(str, words)]).exception)
    run(*words, "--labels", "outlines")
    assert json.loads(run("data", "check", tmp_path / "out", "--json"))["train"]["images_with_masks"] == 9


def test_what_yolo_lines_are_is_no_question_for_coco(tiny_folder, tmp_path):
    words = ["data", "export", str(tiny_folder), str(tmp_path / "out"), "--labels", "boxes"]
    assert "is not for --format coco" in str(runner.invoke(cli.app, words).exception)


def test_an_exported_split_has_masks_in_f_only(tiny_folder, tmp_path):
    run("split", tiny_folder, "--full", 4, "--weak", 5, "--out", tmp_path / "split.json")
    run("data", "export", tiny_folder, tmp_path / "out", "--split", tmp_path / "split.json")
    content = json.loads(run("data", "check", tmp_path / "out", "--json"))
    assert content["train"]["images_with_masks"] == 4
    assert content["train"]["images_with_boxes_only"] == 5
    assert content["val"]["images"] == 4
    assert np.sum(list(content["train"]["objects_by_class"].values())) == 9


def test_a_split_file_is_trained_on(tiny_folder, tmp_path):
    run("split", tiny_folder, "--full", 3, "--weak", 4, "--protocol", "stratified", "--out", tmp_path / "split.json")
    words = ("--model", "yolov5n-seg", "--image-size", 64, "--batch-size", 4, "--f-size", 2, "--steps", 1)
    run("train", tiny_folder, "--split", tmp_path / "split.json", *words, "--out", tmp_path / "run")
    drawn = json.loads((tmp_path / "split.json").read_text())
    assert json.loads((tmp_path / "run" / "split.json").read_text()) == drawn
    assert json.loads((tmp_path / "run" / "spec.json").read_text())["drawn"] == "stratified"


def test_getting_cityscapes_says_where_to_put_it():
    result = runner.invoke(cli.app, ["data", "get", "cityscapes"])
    assert "gtFine_trainvaltest.zip" in str(result.exception)


@pytest.fixture
def leaves(tiny_folder, tmp_path):
    """A COCO folder of 12 training photos; the first four are labelled."""
    folder = tmp_path / "leaves"
    shutil.copytree(tiny_folder, folder)
    change_labels(folder, lambda found: found | {"annotations": found["annotations"][:4]})
    return folder


def change_labels(folder, change, subset="train"):
    path = folder / f"instances_{subset}.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def as_crowds(content):
    return content | {"annotations": [{**one, "iscrowd": 1} for one in content["annotations"]]}


def words_of(*words, code=0):
    """What a command prints, without the places where lines end."""
    return " ".join(run(*words, code=code).split())


def test_photos_that_nobody_labelled_are_in_no_split_and_their_number_is_named(leaves):
    said = str(runner.invoke(cli.app, ["split", str(leaves), "--full", "4", "--weak", "4"]).exception)
    assert "4 + 4 = 8 is more than the 4 labelled images" in said
    assert "8 images have no labels and are left out" in said
    assert "--without-labels background" in said
    drawn = json.loads(run("split", leaves, "--full", 2, "--weak", "all", "--json"))
    assert sorted([*drawn["full"], *drawn["weak"]]) == [1, 2, 3, 4]
    assert drawn["images"] == {
        **dict.fromkeys(("half_masked", "boxes", "background", "broken"), 0),
        "masks": 4,
        "unlabelled": 8,
    }
    said = words_of("split", leaves, "--full", 2, "--weak", 1)
    assert "Of 4 labelled images: 4 with masks, 0 with boxes only, 0 background" in said
    assert "8 images have no labels" in said
    assert "8 train images have no labels" in words_of("data", "check", leaves)


def test_photos_said_to_be_background_are_drawn_into_w_alone(leaves):
    assert "4 have masks, 8 are background" in words_of("data", "read-as", leaves, "--without-labels", "background")
    drawn = json.loads(run("split", leaves, "--full", 4, "--weak", "all", "--json"))
    assert sorted(drawn["full"]) == [1, 2, 3, 4]
    assert len(drawn["weak"]) == 8
    assert json.loads(run("data", "read-as", leaves, "--json"))["without_labels"] == "background"
    run("data", "read-as", leaves, "--without-labels", "unlabelled")
    assert json.loads(run("data", "read-as", leaves, "--json"))["images"]["unlabelled"] == 8


def test_a_set_of_crowds_is_named_refused_for_training_and_read_as_objects_when_asked(leaves, tmp_path):
    for subset in ("train", "val"):
        change_labels(leaves, as_crowds, subset)
    check = json.loads(run("data", "check", leaves, "--json", code=1))
    assert check["problem_counts"] == {"only crowd regions": 4}
    assert check["train"]["crowds"] == 4
    words = ["train", str(leaves), "--full", "0", "--weak", "2", "--steps", "1", "--out", str(tmp_path / "run")]
    assert "--crowds objects" in str(runner.invoke(cli.app, words).exception)
    run("data", "read-as", leaves, "--crowds", "objects")
    check = json.loads(run("data", "check", leaves, "--json"))
    assert (check["train"]["objects"], check["train"]["crowds"], check["train"]["images_with_masks"]) == (4, 0, 4)


def test_the_embedded_dataset_is_read_in_one_way(tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_WORKSPACE", str(tmp_path))
    said = str(runner.invoke(cli.app, ["data", "read-as", "embedded", "--crowds", "objects"]).exception)
    assert "its labels and its parts are fixed" in said


def test_bad_entries_are_counted_by_kind_and_said_on_standard_error_by_other_commands(leaves):
    def spoil(content):
        first, second, *others = content["annotations"]
        odd = [{**first, "category_id": 99}, {**second, "bbox": [1, 2]}, {**first, "image_id": 99}]
        return content | {"annotations": [*odd, *others]}

    change_labels(leaves, spoil)
    check = json.loads(run("data", "check", leaves, "--json", code=1))
    assert check["problem_counts"]["unreadable labels"] == 3
    assert (check["train"]["images_broken"], check["train"]["images_with_masks"]) == (2, 2)
    assert "3 x unreadable labels" in words_of("data", "check", leaves, code=1)
    result = runner.invoke(cli.app, ["split", str(leaves), "--full", "1", "--weak", "1", "--json"])
    assert sum(json.loads(result.stdout)["images"].values()) == 12
    assert f"3 entries of 'leaves' cannot be read (splitlab data check {leaves} lists them)" in result.stderr


def commands_in(text):
    """The words of each `splitlab data` command that a message names, up to where its sentence goes on."""
    sentence_goes_on = "(?= lists| marks| reads| sets|$)"
    return [shlex.split(found)[1:] for found in re.findall(rf"splitlab data .*?{sentence_goes_on}", text, re.MULTILINE)]


@pytest.mark.parametrize("place", ["elsewhere", "workspace/data"])
def test_commands_that_messages_name_open_the_dataset_however_it_was_opened(leaves, tmp_path, monkeypatch, place):
    folder = tmp_path / place / "my leaves"
    shutil.copytree(leaves, folder)
    change_labels(folder, lambda found: found | {"annotations": [{**found["annotations"][0], "bbox": [1]}]})
    monkeypatch.chdir(tmp_path)
    where, argument = ("my leaves",) * 2 if place.startswith("workspace") else (f"{place}/my leaves", str(folder))
    result = runner.invoke(cli.app, ["split", where, "--full", "1"])
    said = f"{result.stderr}\n{result.exception}"
    monkeypatch.chdir("/")
    commands = commands_in(said)
    assert {" ".join(words) for words in commands} == {
        f"data check {argument}",
        f"data read-as {argument} --without-labels background",
    }
    for words in commands:
        result = runner.invoke(cli.app, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
