"""Users of Compare masks without a browser: sessions of a real server over its websocket, and what each must see."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from itertools import combinations
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import plotly.io
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from splitlab.app.widgets.comparisons import DATA_IMAGES
from splitlab.app.widgets.sources import LEAST_SCORE
from splitlab.checkpoints.checkpoint import read_card
from splitlab.data.dataset import Dataset
from splitlab.data.formats.coco.reader import read_coco_folder
from splitlab.data.images import load_labelled
from splitlab.evaluation.detections import ImageDetections
from splitlab.evaluation.predict import predict
from splitlab.figures.mask_panels import Panel, mask_panels
from splitlab.figures.object_pictures import drawn_detections, drawn_truth
from splitlab.geometry import mask_to_rle
from splitlab.models.contract import DetectSettings
from splitlab.models.registry import load_model
from tests.app_server import ROOT

CHECKPOINTS = ("pets-30-330", "pets-60-30", "pets-240-120", "pets-detr-100-260")
DATA = "cats"
PAGE = "compare_masks"


@dataclass(frozen=True)
class User:
    """One user's own image and two checkpoints."""

    image: int
    checkpoints: tuple[str, str]

    @property
    def query(self) -> str:
        """The link to it."""
        parameters = {"look_at": DATA_IMAGES, "data": DATA, "image": self.image, "models": self.checkpoints}
        return urlencode(parameters, doseq=True)


def make_users(count: int) -> list[User]:
    """Return users of whom no two look at the same image, and neighbours not with the same models."""
    pairs = list(combinations(CHECKPOINTS, 2))
    return [User(number + 1, pairs[number % len(pairs)]) for number in range(count)]


def write_cats(folder: Path, count: int) -> None:
    """Write a COCO data set of so many views of scikit-image's cat, each with another label."""
    (folder / "images").mkdir(parents=True)
    with as_file(files("skimage").joinpath("data", "chelsea.png")) as path:
        cat = Image.open(path).convert("RGB")
    images, annotations = [], []
    for number in range(1, count + 1):
        view = cat.crop((6 * number, 3 * number, cat.width - 2 * number, cat.height - number))
        view.save(folder / "images" / f"{number}.png")
        mask = np.zeros((view.height, view.width), bool)
        mask[20 : 60 + 10 * number, 30 : 90 + 12 * number] = True
        images.append({"id": number, "file_name": f"{number}.png", "width": view.width, "height": view.height})
        annotations.append(
            {
                "id": number, "image_id": number, "category_id": 1 + number % 3, "iscrowd": 0, "area": 1.0,
                "bbox": [30, 20, 60 + 12 * number, 40 + 10 * number], "segmentation": mask_to_rle(mask),
            }
        )  # fmt: skip
    names = read_card(ROOT / "checkpoints" / CHECKPOINTS[0]).class_names
    categories = [{"id": place, "name": name} for place, name in enumerate(names, start=1)]
    for subset in ("train", "val"):
        labels = {"images": images, "annotations": annotations, "categories": categories}
        (folder / f"instances_{subset}.json").write_text(json.dumps(labels))


class RightAnswers:
    """What each user must see, worked out here without a server."""

    def __init__(self, folder: Path):
        self.dataset: Dataset = read_coco_folder(folder).val
        self.models = {name: load_model(ROOT / "checkpoints" / name) for name in CHECKPOINTS}
        self.found: dict[tuple[int, str], ImageDetections] = {}

    def panels(self, user: User, score: float) -> list[dict]:
        """Return the traces of the user's chart, with all detections above a score."""
        labels, names = self.dataset.by_id[user.image], self.dataset.class_names
        panels = [Panel("photo", []), Panel("truth", drawn_truth(labels, names))]
        panels += [
            Panel("", drawn_detections(self.detections(user.image, each), names, score)) for each in user.checkpoints
        ]
        return json.loads(plotly.io.to_json(mask_panels(load_labelled(labels), panels)))["data"]

    def detections(self, image: int, checkpoint: str) -> ImageDetections:
        """Return what a checkpoint sees in an image."""
        if (image, checkpoint) not in self.found:
            model, card = self.models[checkpoint]
            photo = load_labelled(self.dataset.by_id[image])
            settings = DetectSettings(min_score=LEAST_SCORE, best_class_only=True)
            self.found[image, checkpoint] = predict(model, [photo], card.image_size, settings)[0]
        return self.found[image, checkpoint]


@contextmanager
def session(address: str, user: User) -> Iterator["Session"]:
    """Connect a user with the server at an address."""
    with connect(
        f"{address.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"], max_size=None
    ) as socket:
        yield Session(socket, user)


class Session:
    """One browser tab's worth of talk with the server."""

    def __init__(self, socket: ClientConnection, user: User):
        self.user = user
        self.socket = socket
        self.slider = ""
        self.page = ""
        self.panels: list[dict] = []
        self.faults: list[str] = []

    def open(self) -> None:
        """Follow the user's link, and wait until the page is drawn."""
        self._run(BackMsg())

    def move_slider(self, score: float) -> None:
        """Move the least confidence, and wait until the page is drawn again."""
        message = BackMsg()
        message.rerun_script.widget_states.widgets.add(id=self.slider).double_array_value.data.append(score)
        self._run(message)

    def _run(self, message: BackMsg) -> None:
        message.rerun_script.query_string = self.user.query
        message.rerun_script.page_name = PAGE
        message.rerun_script.page_script_hash = self.page
        self.panels = []
        self.socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(self.socket.recv(timeout=180))
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self.page = answer.new_session.page_script_hash
            elif kind == "delta":
                self._take(answer.delta.new_element)
            elif kind == "script_finished" and answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return

    def _take(self, element) -> None:
        kind = element.WhichOneof("type")
        if kind == "plotly_chart":
            self.panels = json.loads(element.plotly_chart.spec)["data"]
        elif kind == "slider" and element.slider.label == "Least confidence":
            self.slider = element.slider.id
        elif kind == "exception":
            self.faults.append(element.exception.message)
        elif kind == "alert":
            self.faults.append(element.alert.body)
