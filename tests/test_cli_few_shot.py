import json
import shutil

import pytest
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.errors import SettingsError
from splitlab.runs.run_folder import RunFolder
from splitlab.workspace import Workspace
from tests.checkpoints import write_checkpoint

runner = CliRunner()
SMALL = [
    word
    for setting in ("model=yolov5n-seg", "image_size=64", "batch_size=4", "steps=1", "evaluate_every=1")
    for word in ("--set", setting)
]


def run(*words):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def start(tmp_path):
    return write_checkpoint(tmp_path / "start", class_names=["cat", "disc"])


def test_few_shot_trains_and_prints_ap_class_by_class_as_table_4_does(tiny_folder, start, tmp_path):
    words = ("few-shot", tiny_folder, "--masks", 2, "--start-from", start, *SMALL, "--out", tmp_path / "run")
    table = run(*words)
    assert "few-shot 2, 4/8" in table
    assert all(word in table for word in ("square", "disc", "all", "mask", "box"))
    spec = RunFolder.open(tmp_path / "run").spec()
    assert (spec.data.full, spec.data.weak, spec.f_size, spec.data.classes) == (4, 8, 1, "")
    assert spec.start_from == str(start)
    # The very same command goes on.
    told = json.loads(run(*words, "--json"))
    assert (told["split"], told["drawn"]) == ("4/8", "few-shot 2")
    assert (told["background"], told["cost_hours"], told["prices"]) == (0, 0.4, "VOC2012")
    assert list(told["ap70"]["mask"]) == list(told["ap70"]["box"]) == ["square", "disc", "all"]


def test_no_masks_make_a_zero_shot_run_that_may_wait_in_the_queue(tiny_folder, start):
    words = ("few-shot", tiny_folder, "--masks", 0, "--classes", "disc", "--start-from", start, *SMALL, "--queue")
    assert "place 1 in the queue" in run(*words)
    (folder,) = [path for path in Workspace.here().runs.iterdir() if (path / "spec.json").exists()]
    spec = RunFolder.open(folder).spec()
    assert (spec.data.full, spec.data.weak, spec.data.classes, spec.data.drawn) == (0, 12, "disc", "zero-shot")


def test_the_labels_cost_is_told_and_that_background_images_have_no_box(tiny_folder, start):
    words = ("few-shot", tiny_folder, "--masks", 1, "--classes", "disc", "--start-from", start, *SMALL, "--queue")
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert "Split 1/11: labels cost 0.2 hours by VOC2012 prices at most." in result.stderr
    assert "6 images of W show none of the classes" in " ".join(result.stderr.split())


@pytest.mark.parametrize("classes", ["", " ", ",,"])
def test_a_list_of_classes_that_names_none_is_refused_and_not_taken_for_all(tiny_folder, classes):
    few_shot = ["few-shot", str(tiny_folder), "--masks", "1", "--classes", classes, "--queue"]
    split = ["split", str(tiny_folder), "--protocol", "few-shot", "--masks-per-class", "1", "--classes", classes]
    for words in (few_shot, split):
        with pytest.raises(SettingsError, match="--classes names no class"):
            runner.invoke(cli.app, words, catch_exceptions=False)
    assert not list(Workspace.here().runs.glob("*"))


@pytest.mark.parametrize("queue", [(), ("--queue",)])
def test_what_cannot_be_read_is_said_once(tiny_folder, start, tmp_path, queue):
    folder = tmp_path / "spoilt"
    shutil.copytree(tiny_folder, folder)
    labels = folder / "instances_train.json"
    content = json.loads(labels.read_text())
    content["annotations"][0]["category_id"] = 99
    labels.write_text(json.dumps(content))
    words = ("few-shot", folder, "--masks", 1, "--start-from", start, *SMALL, *queue)
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert " ".join(result.stderr.split()).count("1 entries of 'spoilt' cannot be read") == 1


def test_the_command_explains_itself_with_an_example():
    text = run("few-shot", "--help")
    assert "Example" in text
    assert "splitlab few-shot" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--masks", "three"), "give a number of masks per class, 0 for none"),
        (("--classes", "horse", "--set", "model=yolov5n-lite0-seg"), "Choose among square, disc"),
        (("--masks", "99", "--set", "model=yolov5n-lite0-seg"), "Ask for fewer"),
        (("--set", "seed=3"), "use --seed to set seed"),
        (("--set", "model=yolov5n-seg"), "SplitLab has no backbone weights for yolov5n-seg"),
    ],
)
def test_mistakes_get_one_sentence(capsys, monkeypatch, tiny_folder, words, says):
    monkeypatch.setattr("sys.argv", ["splitlab", "few-shot", str(tiny_folder), *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert says in " ".join(shown.split())
    assert "Traceback" not in shown
