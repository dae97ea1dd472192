"""What runs where only the core is installed, with PyTorch's build for CPUs."""

import subprocess
import sys

import pytest
import torch

from splitlab.data.scenes.scene import CLASS_NAMES
from tests.conftest import write_tiny
from tests.docs.code_blocks import ROOT
from tests.docs.stand_ins import rename

# GPU libraries, and what the extras bring along.
ABSENT = (
    "cuda", "mlflow", "nvidia", "onnx", "onnxruntime", "onnxscript", "polars", "pynvml", "ray", "tensorboard", "triton",
    "ultralytics", "wandb",
)  # fmt: skip
WITHOUT_THEM = f"""
import sys

class WithoutThem:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {ABSENT!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(WithoutThem, sys.meta_path)
"""
EVERY_PAGE = """
from pathlib import Path
from streamlit.testing.v1 import AppTest

for page in sorted(Path("pages").glob("*.py")):
    app = AppTest.from_file("app.py", default_timeout=180).run()
    if page.stem != "home":
        app.switch_page(str(page)).run()
    assert not app.exception, (page, app.exception)
    assert app.title, page
    print(page.stem)
"""
TRAIN = """
import splitlab as sl
data = sl.open_dataset("embedded")
sl.train(data, sl.draw_split(data, 4, 6), "workspace/run", steps=2, image_size=64, batch_size=4, f_size=2)
"""
ULTRALYTICS = """
import splitlab as sl
from splitlab.models.registry import build_model
try:
    build_model("yolo11n-seg", 3, 64)
except sl.SplitLabError as error:
    print(error)
"""

IMPORTS = """
from pathlib import Path
import splitlab as sl
from splitlab.models.imports import import_checkpoint
for name in ("detector", "segmenter"):
    try:
        import_checkpoint(Path(f"{name}.pt"), Path(name))
    except sl.SplitLabError as error:
        print(type(error).__name__, error)
"""


@pytest.fixture(autouse=True)
def embedded(own_workspace, tmp_path):
    folder = tmp_path / "workspace" / "data" / "embedded"
    write_tiny(folder, {"train": 200, "val": 4})
    rename(folder, CLASS_NAMES, "{subset}_{number:04d}.jpg")


def run_without_them(code, folder):
    words = [sys.executable, "-c", WITHOUT_THEM + code]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_page_opens():
    assert len(run_without_them(EVERY_PAGE, ROOT).split()) == len(list((ROOT / "pages").glob("*.py")))


def test_the_model_of_the_recipes_trains(tmp_path):
    run_without_them(TRAIN, tmp_path)
    assert (tmp_path / "workspace" / "run" / "scores.json").is_file()


def test_a_model_of_ultralytics_says_what_to_install(tmp_path):
    assert "pip install 'splitlab[ultralytics]'" in run_without_them(ULTRALYTICS, tmp_path)


def test_a_file_of_ultralytics_says_what_to_install_once_it_turns_out_to_be_of_use(tmp_path):
    detector = {"model.0.conv.weight": torch.zeros(16, 3, 3, 3), "model.22.cv2.0.0.conv.weight": torch.zeros(1)}
    torch.save(detector, tmp_path / "detector.pt")
    more = {"model.22.proto.cv1.conv.weight": torch.zeros(1), "model.22.cv3.0.2.bias": torch.zeros(2)}
    torch.save(detector | more, tmp_path / "segmenter.pt")
    first, second = run_without_them(IMPORTS, tmp_path).splitlines()
    assert first.startswith("CheckpointError detector.pt: it is a YOLO detector")
    assert second.startswith("SettingsError YOLOv8, YOLO11 and YOLO26 need the package ultralytics")
    assert "pip install 'splitlab[ultralytics]'" in second
