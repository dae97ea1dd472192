"""Ultralytics comes without network, files or changes to the process."""

import os
import subprocess
import sys

IMPORT_WATCHED = """
import os, socket, sys, warnings
import cv2, numpy, PIL.Image, torch, torchvision
import splitlab.models.registry as registry
assert "ultralytics" not in sys.modules

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        raise SystemExit(f"{event} {args}")
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        opened.append(str(args[0]))

def state():
    return (dict(os.environ), torch.get_num_threads(), cv2.getNumThreads(), torch.save, PIL.Image.open,
            list(warnings.filters), numpy.get_printoptions(), str(torch.rand(30).exp().mul(0).add(1 / 3)))

opened = []
torch.set_num_threads(3)
before = state()
sys.addaudithook(refuse)
with torch.device("meta"):  # as a spec is checked before its run
    registry.build_model("yolov8n-seg", 2, 64)
for family in ("yolov8", "yolo11", "yolo26"):
    registry.build_model(f"{family}n-seg", 2, 64).to("cpu", memory_format=torch.channels_last)
after = state()
for old, new in zip(before, after, strict=True):
    assert old == new, (old, new)
from ultralytics.utils import SETTINGS
assert SETTINGS["sync"] is False
left = [path for path in opened if os.path.exists(path) and not path.endswith((".pyc", "/dev/null"))]
assert not left, left
print("unchanged")
"""


def test_the_registry_is_quick_and_ultralytics_comes_without_network_files_or_changes_to_the_process(tmp_path):
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YOLO_")}
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_WATCHED],
        cwd=tmp_path,
        env=environment | home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "unchanged\n", "")
    assert list(tmp_path.iterdir()) == []
