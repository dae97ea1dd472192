"""A comparison as a self-contained HTML file without scripts, fonts or pictures from elsewhere.

Names of classes, models and photos come from files and are always escaped.
"""

from __future__ import annotations

import base64
from html import escape

import cv2
import pandas as pd

import splitlab
from splitlab.data.dataset import ImageId
from splitlab.errors import SplitLabError
from splitlab.evaluation.comparison import Comparison, classes_in_words, difference_in_words
from splitlab.evaluation.disagreement import ComparedImage
from splitlab.evaluation.matches import ERRORS, MEANINGS, ErrorKind
from splitlab.figures.comparison_tables import MEANS, class_table, model_table, observations_in_words, split_mistakes
from splitlab.figures.html_page import html_page, html_table
from splitlab.figures.object_pictures import Picture, model_picture, truth_picture
from splitlab.figures.palette import ERROR_COLOURS
from splitlab.shown_numbers import shown

_PICTURED_IMAGES = 12
_JPEG_QUALITY = 80
_MODEL_COLUMNS = {
    "model": "model", "checkpoint": "checkpoint", "network": "network", "full": "|F|", "weak": "|W|", "masks": "masks",
    "mask_ap50": "mask AP50", "mask_ap70": "mask AP70", "mask_ap75": "mask AP75", "box_ap50": "box AP50",
}  # fmt: skip


def report_html(comparison: Comparison) -> str:
    """Return the report: models, Observations 5 and 6, errors, classes, a dozen images, settings.

    If a photo cannot be read, the report shows the error message in place of its pictures.
    """
    title = f"Models compared on {comparison.dataset.name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>All figures: val of {escape(comparison.dataset.name)}, {len(comparison.dataset.images):,} images. "
        f"Errors are counted among detections with a score of at least {comparison.settings.min_score:.2f}; AP "
        "includes all detections.</p>",
        *(f"<p>{escape(sentence)}</p>" for sentence in classes_in_words(comparison)),
        "<h2>Models</h2>", html_table(model_table(comparison)[list(_MODEL_COLUMNS)].rename(columns=_MODEL_COLUMNS)),
        "<h2>Effect of F and W</h2>", _observations(comparison),
        "<h2>Errors</h2>", _errors(comparison),
        "<h2>Classes</h2><p>AP at IoU 0.50.</p>", html_table(class_table(comparison, "ap50")),
        "<h2>Where the models differ most</h2>", _legend(),
        *(_image(comparison, image) for image in comparison.ranking[:_PICTURED_IMAGES]),
        "<h2>Settings</h2>", _settings(comparison),
    ]  # fmt: skip
    return html_page(title, body)


def _observations(comparison: Comparison) -> str:
    said = "".join(
        f"<p><b>{escape(claim)}</b> {escape(finding)}</p>"
        for claim, finding in observations_in_words(split_mistakes(comparison))
    )
    rows = [
        {"model": model.name, **{title: _interval(model.mistakes, name) for name, title in MEANS.items()}}
        for model in comparison.models
    ]
    return said + html_table(pd.DataFrame(rows))


def _interval(mistakes: object, name: str) -> str:
    estimate = getattr(mistakes, name)
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _errors(comparison: Comparison) -> str:
    widest = max(sum(max(model.measured.ap_cost.lost[kind], 0) for kind in ERRORS) for model in comparison.models)
    bars = "".join(
        f"<div>{escape(model.name)}</div>{_bar(model.measured.ap_cost.lost, max(widest, 1e-9))}"
        for model in comparison.models
    )
    table = pd.DataFrame({"kind": [kind.value for kind in ERRORS]})
    for model in comparison.models:
        table[f"{model.name}: times"] = [model.mistakes.counts[kind] for kind in ERRORS]
        table[f"{model.name}: AP lost"] = [model.measured.ap_cost.lost[kind] for kind in ERRORS]
    note = "AP at IoU 0.50 lost to each kind, over all detections; counts over detections above the score threshold."
    return f"<p>{_legend()}</p><p>{note}</p>{bars}{html_table(table)}"


def _bar(lost: dict[ErrorKind, float], widest: float) -> str:
    pieces = "".join(
        f'<div title="{kind.value}: {shown(lost[kind])}" style="width:{100 * max(lost[kind], 0) / widest:.2f}%;'
        f'background:{ERROR_COLOURS[kind]}"></div>'
        for kind in ERRORS
    )
    return f'<div class="bar">{pieces}</div>'


def _legend() -> str:
    return "".join(
        f'<span class="key" style="background:{ERROR_COLOURS[kind]}"></span><span title="{MEANINGS[kind]}">'
        f"{kind.value}</span>"
        for kind in ErrorKind
    )


def _image(comparison: Comparison, image: ComparedImage) -> str:
    difference = difference_in_words(image, comparison.dataset.class_names)
    head = f"<p><b>{escape(str(image.image_id))}</b>: {escape(difference)}</p>"
    try:
        pictures = _pictures(comparison, image.image_id)
    except SplitLabError as error:
        return f"{head}<p>{escape(str(error))}</p>"
    figures = "".join(
        f'<figure><img alt="{escape(title)}" src="{_as_jpeg(picture)}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
        for title, picture in pictures
    )
    return f'{head}<div class="row">{figures}</div>'


def _pictures(comparison: Comparison, image_id: ImageId) -> list[tuple[str, Picture]]:
    pictures = [("ground truth", truth_picture(comparison, image_id))]
    pictures += [(model.name, model_picture(comparison, model, image_id)) for model in comparison.models]
    return pictures


def _as_jpeg(picture: Picture) -> str:
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _settings(comparison: Comparison) -> str:
    rows = [
        ("SplitLab", splitlab.__version__),
        ("dataset", comparison.dataset.name),
        ("sha256 of its labels", comparison.dataset.source_hash),
        ("licence of the photos", comparison.dataset.licence or "not stated"),
        ("score threshold", f"{comparison.settings.min_score:.2f}"),
        *((f"sha256 of the weights of {model.name}", model.seen.weights_hash) for model in comparison.models),
    ]
    cells = "".join(f"<tr><td>{escape(name)}</td><td><code>{escape(value)}</code></td></tr>" for name, value in rows)
    return f'<div class="wide"><table>{cells}</table></div>'
