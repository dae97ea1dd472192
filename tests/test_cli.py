import json
import re
import shutil
import signal
from inspect import cleandoc
from itertools import chain
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from splitlab.cli import main as cli
from splitlab.cli.command_order import _PANELS
from splitlab.errors import RunError, SettingsError
from splitlab.geometry import rle_to_mask
from splitlab.runs.run_folder import RunFolder
from tests.checkpoints import write_checkpoint

runner = CliRunner()
TRAINING = ("--model", "yolov5n-seg", "--image-size", "64", "--batch-size", "4", "--f-size", "2", "--device", "cpu")


def run(*words):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def trained(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ("train", tiny_folder, "--full", "4", "--weak", "6", "--steps", "2", *TRAINING, "--out", folder)
    assert "Done" in run(*words)
    return folder


def test_help_lists_every_command_once_under_the_heading_of_its_work():
    told = run("--help")
    places = [re.search(rf"│ {re.escape(word)}\b|─ {re.escape(word)} ─", told) for word in chain(*in_order())]
    assert all(places)
    assert [place.start() for place in places] == sorted(place.start() for place in places)


def test_the_table_of_the_commands_is_true_to_their_modules():
    commands = get_command(cli.app).commands
    in_table = {name: line for lines in _PANELS.values() for name, line in lines.items()}
    assert {name: first_paragraph(commands[name].help) for name in commands} == {n: t.help for n, t in in_table.items()}
    for name, line in in_table.items():
        assert (Path(cli.__file__).parent / f"{line.module.replace('.', '/')}.py").is_file(), name


def first_paragraph(text):
    return " ".join(cleandoc(text).split("\n\n")[0].split())


def in_order():
    return ((heading, *names) for heading, names in _PANELS.items())


def test_split_prints_the_form_that_others_rely_on(tiny_folder):
    words = ("split", tiny_folder, "--full", "3", "--weak", "5", "--seed", "1", "--json")
    split = json.loads(run(*words))
    assert split["name"] == "3/5"
    assert len(split["full"]) == 3
    assert len(split["weak"]) == 5
    assert re.fullmatch("[0-9a-f]{64}", split["hash"])
    assert json.loads(run(*words)) == split


def test_train_makes_the_run_and_the_same_command_on_its_folder_goes_on(trained):
    assert RunFolder.open(trained).status().state == "done"
    assert "Done" in run("train", trained)


def test_the_very_same_command_goes_on_too_but_other_settings_are_refused(trained, tiny_folder, capsys, monkeypatch):
    words = ("train", tiny_folder, "--full", "4", "--weak", "6", "--steps", "2", *TRAINING, "--out", trained)
    assert "Done" in run(*words)
    other = [("3" if word == "2" and words[place - 1] == "--steps" else word) for place, word in enumerate(words)]
    assert "already holds a run" in fails_with(capsys, monkeypatch, *other)


def test_evaluate_prints_ap_of_masks_and_boxes(trained):
    scores = json.loads(run("evaluate", trained, "--json"))
    for kind in ("mask", "box"):
        assert set(scores[kind]) - {"cut_to_box"} == {"ap50", "ap70", "ap75", "ap50_95", "per_class"}
        assert set(scores[kind]["per_class"]) == {"square", "disc"}
        assert 0 <= scores[kind]["ap50_95"] <= scores[kind]["ap50"] <= 100
    assert scores["mask"]["cut_to_box"] is True


def test_evaluate_and_predict_take_the_masks_asked_for_and_say_which_these_were(trained, tiny_folder):
    words = ("evaluate", trained / "weights", "--data", tiny_folder)
    stated = {way: json.loads(run(*words, "--masks", way, "--json"))["mask"] for way in ("cut", "whole")}
    assert [stated[way]["cut_to_box"] for way in ("cut", "whole")] == [True, False]
    assert "Masks are not cut to their boxes." in run(*words, "--masks", "whole")
    photo = next((tiny_folder / "images").glob("val*"))
    masks = [run("predict", trained, photo, "--min-score", 0.001, "--masks", way, "--json") for way in ("cut", "whole")]
    assert masks[0] != masks[1]


def test_evaluate_takes_a_checkpoint_with_a_dataset(trained, tiny_folder):
    first = json.loads(run("evaluate", trained / "weights", "--data", tiny_folder, "--json"))
    assert first == json.loads(run("evaluate", trained, "--json"))


def test_predict_prints_masks_in_image_size(trained, tiny_folder):
    photos = sorted((tiny_folder / "images").glob("val_*.png"))[:2]
    found = json.loads(run("predict", trained, *photos, "--min-score", "0.001", "--json"))
    assert [image["image"] for image in found] == [str(photo) for photo in photos]
    for image in found:
        for detection in image["detections"]:
            assert set(detection) == {"class", "score", "box", "mask"}
            assert rle_to_mask(detection["mask"]).shape == (image["height"], image["width"]) == (64, 64)


def test_runs_lists_them_as_a_table_and_as_json(trained):
    (listed,) = json.loads(run("runs", trained.parent, "--json"))
    assert (listed["split"], listed["status"]["state"]) == ("4/6", "done")
    assert "4/6" in run("runs", trained.parent)


def test_an_empty_folder_has_no_runs_and_one_that_is_not_there_is_refused(tmp_path, capsys, monkeypatch):
    assert "No runs yet" in run("runs", tmp_path)
    assert "is not a folder" in fails_with(capsys, monkeypatch, "runs", tmp_path / "nowhere")


@pytest.mark.parametrize(
    "command", ["split", "train", "evaluate", "predict", "runs", "cost", "plan", "equiscore", "claims"]
)
def test_every_command_explains_itself_with_an_example(command):
    text = run(command, "--help")
    assert "Example" in text
    assert f"splitlab {command}" in text


def fails_with(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["splitlab", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    return shown


def test_mistakes_get_one_sentence_and_no_traceback(capsys, monkeypatch, tiny_folder, tmp_path):
    words = ("split", tiny_folder, "--full", "10", "--weak", "10")
    assert "10 + 10 = 20 is more than the 12 images" in fails_with(capsys, monkeypatch, *words)
    words = ("split", tmp_path / "[red]odd[/red]", "--full", "1", "--weak", "1")
    assert "[red]odd[/red] is no" in fails_with(capsys, monkeypatch, *words)
    assert "has no card.json" in fails_with(capsys, monkeypatch, "predict", tmp_path, "photo.jpg")
    assert "--full 30" in fails_with(capsys, monkeypatch, "train", tiny_folder)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("train", "RUN", "--steps", "9", "--device", "cuda"),
            "--steps, --device: RUN is a run, which keeps",
        ),
        (
            ("train", "DATA", "--split", "DATA/split.json", "--full", "3"),
            "--full: DATA/split.json already sets",
        ),
        (("train", "DATA", "--full", "3", "--set", "weak=5"), "--set weak=5: use --weak to set weak"),
        (("train", "RUNX", "--full", "3"), "RUNX is not a file, a folder or the name of a dataset"),
        (("evaluate", "RUN/weights"), "Add --data"),
        (("split", "DATA", "--protocol", "labels", "--full", "3"), "--full: the protocol labels does not use this"),
        (("split", "DATA", "--full", "3", "--classes", "disc"), "--classes: the protocol random does not use this"),
        (
            ("split", "DATA", "--protocol", "few-shot", "--seed", "3"),
            "does not use this without --masks-per-class",
        ),
    ],
    ids=["a run", "a split", "set", "no such data", "a checkpoint", "labels", "random", "the paper's few-shot"],
)
def test_what_has_no_effect_is_refused(capsys, monkeypatch, trained, tiny_folder, tmp_path, words, says):
    data = shutil.copytree(tiny_folder, tmp_path / "data")
    run("split", data, "--full", "2", "--weak", "2", "--out", data / "split.json")

    def at_hand(text):
        return text.replace("RUN", str(trained)).replace("DATA", str(data))

    told = " ".join(fails_with(capsys, monkeypatch, *map(at_hand, words)).split())
    assert at_hand(says) in told


def test_runs_says_why_a_run_failed(tiny_folder, tmp_path):
    from splitlab.runs.run_folder import State
    from splitlab.runs.spec import RunSpec

    folder = RunFolder.create(tmp_path / "sad", RunSpec.of(str(tiny_folder), 4, 6), {})
    folder.write_status(State.FAILED, 3, 9, "no space left [red]here[/red]")
    result = runner.invoke(cli.app, ["runs", str(tmp_path)], catch_exceptions=False)
    assert "sad: no space left [red]here[/red]" in result.stderr


def test_a_run_folder_that_cannot_be_written_is_named(capsys, monkeypatch, tiny_folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    words = ("train", tiny_folder, "--full", "4", "--steps", "2", *TRAINING, "--out", tmp_path / "file" / "run")
    assert "cannot be created" in fails_with(capsys, monkeypatch, *words)
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "missing/split.json", "folder"])
@pytest.mark.parametrize("command", [
    ("split", "{data}", "--full", "4", "--out", "{file}"),
    ("compare", "{start}", "--data", "{data}", "--report", "{file}"),
    ("checkpoint", "export", "{start}", "{file}"),
])  # fmt: skip
def test_a_file_that_cannot_be_written_is_told_before_the_work(tiny_folder, tmp_path, monkeypatch, name, command):
    def worked(*_, **_named):
        raise AssertionError("worked first")

    monkeypatch.setattr("splitlab.cli.datasets.data.opened", worked)
    monkeypatch.setattr("splitlab.cli.compare._see", worked)
    monkeypatch.setattr("splitlab.cli.checkpoint._export_onnx", worked)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    # `compare` makes the folder of its report.
    where = tmp_path / (name.replace("missing", "file") if command[0] == "compare" else name)
    start = write_checkpoint(tmp_path / "start", class_names=["square", "disc"])
    words = [word.format(data=tiny_folder, start=start, file=where) for word in command]
    with pytest.raises(RunError, match=r"cannot be (written|made|created)|is a folder"):
        runner.invoke(cli.app, words, catch_exceptions=False)


def test_cost_and_plan_print_the_forms_that_others_rely_on():
    cost = json.loads(run("cost", "--dataset", "voc2012", "--full", "400", "--weak", "5000", "--json"))
    assert cost["hours"] == 79.5
    plan = json.loads(run("plan", "--dataset", "voc2012", "--hours", "80", "--json"))
    assert {"full", "weak", "hours", "ap", "low", "high"} <= set(plan)
    assert plan["hours"] <= 80
    assert plan["low"] < plan["ap"] < plan["high"]


def test_a_plan_goes_by_the_users_own_prices_images_and_runs(tmp_path):
    (tmp_path / "runs.csv").write_text("full,weak,score\n30,0,68.5\n30,450,83.1\n480,0,91.5\n")
    words = ("plan", "--hours", "10", "--images", "480", "--pilot", tmp_path / "runs.csv", "--json")
    plan = json.loads(run(*words))
    assert plan["full"] + plan["weak"] <= 480
    assert "comes from" in " ".join(plan["caveats"])
    assert "Mind:" in run(*words[:-1])


def test_one_split_is_forecast_for_a_new_seed_without_hours_or_images(tmp_path):
    (tmp_path / "runs.csv").write_text("full,weak,score,seed\n30,0,38.5,0\n30,450,53.1,0\n60,0,45,0\n60,200,54,0\n")
    told = json.loads(run("plan", "--pilot", tmp_path / "runs.csv", "--at", "40/100", "--json"))
    assert told["at"]["low"] < told["at"]["ap"] < told["at"]["high"]
    assert "new seed" in told["interval"]
    assert "another seed" in " ".join(told["caveats"])
    (tmp_path / "runs.csv").write_text("full,weak,score,seed\n30,0,38.5,0\n30,450,53.1,0\n60,0,45,0\n60,0,44,1\n")
    two = json.loads(run("plan", "--pilot", tmp_path / "runs.csv", "--at", "40/100", "--json"))
    assert "another seed" not in " ".join(two["caveats"])
    both = json.loads(run("plan", "--hours", "80", "--at", "400/5000", "--json"))
    assert both["at"]["full"] == 400
    assert both["full"] != 400
    assert "400/5,000: expect AP" in run("plan", "--at", "400/5000")


@pytest.mark.parametrize("split", ["400", "0/100", "4e2/1", "-1/5", "1/2/3", "a" * 3000])
def test_a_split_that_is_none_gets_a_sentence(capsys, monkeypatch, split):
    told = fails_with(capsys, monkeypatch, "plan", f"--at={split}")
    assert "write F/W in images" in told
    assert len(told) < 300


def test_a_split_of_more_images_than_there_are_gets_a_sentence(capsys, monkeypatch):
    assert "cannot be labelled" in fails_with(capsys, monkeypatch, "plan", "--at", "400/20000")


@pytest.mark.parametrize(("dataset", "full"), [("voc2012", 584), ("cityscapes", 268)])
def test_equiscore_takes_the_papers_curve_of_the_dataset(dataset, full):
    found = json.loads(run("equiscore", "--dataset", dataset, "--json"))
    assert found["full"] == full
    assert str(full) in run("equiscore", "--dataset", dataset)


@pytest.mark.parametrize("words", [("--dataset", "embedded"), ("--metric", "ap50")])
def test_what_is_asked_of_an_atlas_wants_the_atlas(words):
    with pytest.raises(SettingsError, match="add --measured"):
        run("claims", *words)


def test_claims_are_listed_with_their_verdicts():
    checked = json.loads(run("claims", "--json"))
    assert len(checked) > 25
    assert {claim["verdict"] for claim in checked} == {"holds", "holds but for", "does not hold", "not enough evidence"}
    assert "verdict" in run("claims")


def test_a_plan_without_hours_or_with_a_bad_csv_gets_a_sentence(capsys, monkeypatch, tmp_path):
    assert "--hours 80" in fails_with(capsys, monkeypatch, "plan")
    (tmp_path / "runs.csv").write_text("full,weak,score\n30,many,68.5\n")
    words = ("plan", "--hours", "10", "--pilot", tmp_path / "runs.csv")
    assert "line 2, column weak" in fails_with(capsys, monkeypatch, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan", "--score", "50", "--images", "1000000000000"), "1 to 10,000,000"),
        (("equiscore", "--images", "0"), "images"),
    ],
)
def test_numbers_of_images_that_cannot_be_get_a_sentence(capsys, monkeypatch, words, message):
    assert message in fails_with(capsys, monkeypatch, *words)


@pytest.mark.parametrize("words", [("--hours", "1e12"), ("--hours", "10", "--mask-seconds", "1e-308")])
def test_a_budget_beyond_all_images_labels_them_all(words):
    plan = json.loads(run("plan", *words, "--json"))
    assert plan["full"] + plan["weak"] <= 10731


def test_prices_of_which_one_is_the_papers_are_not_called_own():
    assert "one own price, one of VOC2012" in run("cost", "--full", "10", "--weak", "10", "--mask-seconds", "78")


def test_a_plan_by_own_runs_asks_how_many_images_there_are(capsys, monkeypatch, tmp_path):
    (tmp_path / "runs.csv").write_text("full,weak,score\n30,0,68.5\n30,450,83.1\n480,0,91.5\n")
    words = ("plan", "--hours", "10", "--pilot", tmp_path / "runs.csv")
    assert "add --images" in fails_with(capsys, monkeypatch, *words)


def test_seconds_for_one_object_are_multiplied_by_the_objects_in_an_image():
    prices = ("--box-seconds", "10", "--mask-seconds", "80", "--instances-per-image", "3", "--json")
    assert json.loads(run("cost", "--full", "10", "--weak", "20", *prices))["hours"] == round(
        3 * (10 * 80 + 20 * 10) / 3600, 1
    )


def test_a_command_that_a_shell_starts_in_the_background_still_hears_ctrl_c(monkeypatch):
    heard = []
    monkeypatch.setattr(cli, "app", lambda: heard.append(signal.getsignal(signal.SIGINT)))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        cli.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.default_int_handler]
