"""The project's own files agree with one another."""

import ast
import subprocess
import sys
from pathlib import Path

from splitlab.checkpoints.checkpoint import list_checkpoints, read_card
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.scenes.embedded import make_embedded

ROOT = Path(__file__).parents[1]
LEAST_AP50 = {
    ("embedded", "yolov5n-lite0-seg"): 78,
    ("pets", "yolov5n-lite0-seg"): 88,
    ("pets", "detr-lite0-few"): 75,
    ("street", "yolov5n-lite0-seg"): 4,
}


def test_pages_that_show_numbers_open_without_torch():
    pages = [
        "figures.cost_against_ap",
        "app.cost",
        "app.widgets.text",
        "atlas.tables",
        "app.widgets.sources",
        "cli.main",
    ]
    code = "import sys\n" + "".join(f"import splitlab.{page}\n" for page in pages) + "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_shipped_checkpoint_is_whole_and_says_where_it_comes_from():
    from splitlab.models.registry import load_model

    folders = shipped()
    of_pets = [f"pets-{split}" for split in ("120-240", "240-120", "30-330", "60-30")]
    of_scenes = [f"embedded-{split}" for split in ("100-400", "200-100", "400-0", "50-750")]
    of_street = [f"street-{split}" for split in ("160-216", "40-0", "40-100", "80-296")]
    assert list(folders) == [*of_scenes, *of_pets, "pets-detr-100-260", *of_street]
    for folder in folders.values():
        _, card = load_model(folder)
        assert card.data_licence
        assert "lite0" in card.model
        assert card.scores["mask"]["ap50"] > LEAST_AP50[card.dataset, card.model]
    assert sum(path.stat().st_size for path in (ROOT / "checkpoints").rglob("*")) < 60e6


def test_the_table_of_the_shipped_checkpoints_has_their_splits_and_scores():
    table = (ROOT / "checkpoints" / "README.md").read_text()
    for name, folder in shipped().items():
        card = read_card(folder)
        scores = card.scores["mask"]
        (line,) = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
        assert line.endswith(f"| {card.split_name} | {scores['ap50']:.1f} / {scores['ap70']:.1f} |")


def test_the_shipped_checkpoints_of_the_scenes_know_the_scenes_that_are_drawn_today(tmp_path):
    """Their cards hold the hash of the labels they learnt: who draws other scenes must train them anew."""
    drawn = read_coco_folder(make_embedded(tmp_path / "embedded")).train
    cards = [read_card(folder) for name, folder in shipped().items() if name.startswith("embedded")]
    assert {card.data_hash for card in cards} == {drawn.source_hash}
    assert {tuple(card.class_names) for card in cards} == {drawn.class_names}


def shipped() -> dict[str, Path]:
    return {folder.name: folder for folder in list_checkpoints(ROOT / "checkpoints")}


def test_what_was_measured_and_ships_can_be_read_by_those_who_show_it():
    from splitlab.atlas.rows import measured_few_shot, table_path
    from splitlab.atlas.tables import _atlas_results, train_images
    from splitlab.workspace import _MEASURED

    results = _atlas_results(_MEASURED)
    assert len(results) == sum(len(path.read_text().splitlines()) - 1 for path in _MEASURED.glob("*.csv"))
    assert set(results["dataset"]) == set(train_images(_MEASURED))
    assert len(measured_few_shot()) == len(table_path().read_text().splitlines()) - 1 > 0


def test_the_app_of_a_package_is_the_app_of_a_checkout():
    of_checkout, of_package = (
        ast.parse((ROOT / name).read_text()) for name in ("app.py", "src/splitlab/shipped/app.py")
    )
    assert ast.dump(ast.Module(of_checkout.body[1:], [])) == ast.dump(ast.Module(of_package.body[1:], []))
