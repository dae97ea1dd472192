"""The numbers beside a picture: of each labelled object, who found it and how good the outline is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st

from splitlab.data.dataset import Dataset, ImageLabels
from splitlab.evaluation.image_detections import ImageDetections
from splitlab.evaluation.object_matches import NO_MATCH, ImageOverlaps, overlaps_of_image
from splitlab.evaluation.scores_of_objects import scores_of_objects

_NUMBERS = {"score": "score", "mask_iou": "mask IoU", "boundary_iou": "boundary IoU"}


def show_object_numbers(
    dataset: Dataset, labels: ImageLabels, found: Mapping[str, ImageDetections], min_score: float
) -> None:
    """Show a row for each labelled object and model: score, mask IoU and boundary IoU where it found it."""
    table = object_numbers(dataset, labels, found, min_score)
    if table.empty:
        st.caption("Nothing is labelled in this image.")
        return
    numbers = {name: st.column_config.NumberColumn(name, format="%.2f") for name in _NUMBERS.values()}
    st.dataframe(table, hide_index=True, column_config=numbers, placeholder="–")
    st.caption("IoU with the label; a dash where the model did not find the object with its class at IoU 0.5.")


def object_numbers(
    dataset: Dataset, labels: ImageLabels, found: Mapping[str, ImageDetections], min_score: float
) -> pd.DataFrame:
    """Return the table; see `show_object_numbers`."""
    names = dict(enumerate(dataset.class_names))
    tables = []
    for model, of_model in found.items():
        objects = _scores(dataset.source_hash, str(labels.image_id), of_model, dataset, labels)
        # A detection takes its object before those that score less: leaving these out changes nothing for it.
        there = (objects["found_by"] != NO_MATCH) & (objects["score"] >= min_score)
        numbers = objects[list(_NUMBERS)].where(there).rename(columns=_NUMBERS)
        numbers.insert(0, "model", model)
        numbers.insert(0, "object", objects["truth_class"].map(names))
        tables.append(numbers.assign(place=objects["object"]))
    return pd.concat(tables).sort_values("place", kind="stable").drop(columns="place").reset_index(drop=True)


def fingerprint(found: ImageDetections) -> str:
    """Return a text that is another one for other detections."""
    content = hashlib.sha256(found.scores.tobytes() + found.classes.tobytes())
    for mask in found.masks:
        content.update(mask["counts"].encode())
    return content.hexdigest()


# A page draws the same image again whenever a control moves, so what does not change with the score is kept.
@st.cache_resource(show_spinner=False, max_entries=128, hash_funcs={ImageDetections: fingerprint})
def overlaps_in(source: str, image_id: str, found: ImageDetections, _labels: ImageLabels) -> ImageOverlaps:
    """Lay all detections over an image's labels.

    Args:
        source: the hash of the labels.
        image_id: of the image, as text.
        found: what a model sees in it.
    """
    return overlaps_of_image(_labels, found)


@st.cache_resource(show_spinner=False, max_entries=128, hash_funcs={ImageDetections: fingerprint})
def _scores(
    source: str, image_id: str, found: ImageDetections, _dataset: Dataset, _labels: ImageLabels
) -> pd.DataFrame:
    overlaps = overlaps_in(source, image_id, found, _labels)
    return scores_of_objects(replace(_dataset, images=(_labels,)), [found], [overlaps])
