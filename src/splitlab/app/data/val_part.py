"""The val part of a dataset that came without one: cut it from train, see how large it is, and undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from splitlab.app.hosting import Hosting, may_change
from splitlab.app.navigation import rerun_with_message
from splitlab.app.widgets.links import linked_count
from splitlab.app.widgets.progress import progress_bar
from splitlab.app.widgets.sources import read_dataset
from splitlab.app.widgets.text import as_plain
from splitlab.data.open_dataset import EMBEDDED, INDEX, dataset_folder
from splitlab.data.selection.near_duplicates import find_near_duplicates
from splitlab.data.selection.val_cut import DEFAULT_SHARE, ValCut, cut_val, delete_cut, load_cut, save_cut

if TYPE_CHECKING:
    from pathlib import Path

    from splitlab.data.dataset import TrainVal
    from splitlab.workspace import Workspace

_CUTTING = "Cutting a val part"
_SHARES = {"10%": 0.1, "20%": DEFAULT_SHARE, "30%": 0.3, "40%": 0.4, "50%": 0.5}


def show_val_part(name: str, data: TrainVal, workspace: Workspace) -> None:
    """Say whether val is missing or was cut from train, and offer to cut it or to undo that.

    Raises:
        DataError: the file of a cut is broken, or cannot be written.
        SplitError: no val part can be cut.
    """
    if name == EMBEDDED:
        return
    folder = dataset_folder(name, workspace.data)
    if not data.has_val:
        _offer_cut(name, data, folder, workspace)
        return
    cut = load_cut(folder)
    if cut is not None and {image.image_id for image in data.val.images} <= set(cut.val):
        _offer_undo(cut, data, folder)


def _offer_cut(name: str, data: TrainVal, folder: Path, workspace: Workspace) -> None:
    if not data.train.class_names:
        return
    with st.container(border=True):
        text, share_place, seed_place, button = st.columns([2.6, 1, 1, 1.6], vertical_alignment="bottom")
        text.markdown("**There is no val part**, so no model can be scored. Cut one from train.")
        if not may_change(_CUTTING):
            return
        share = _SHARES[share_place.selectbox("Share", list(_SHARES), 1, key=f"cut_share_{name}")]
        seed = linked_count("Seed", 0, 10_000, 0, f"cut_seed_{name}", seed_place)
        if button.button("Cut a val part", type="primary", icon=":material/content_cut:", width="stretch"):
            Hosting.here().require_writable(_CUTTING)
            with progress_bar("Looking for near-duplicates") as progress:
                groups = find_near_duplicates(data.train.images, folder, workspace.data / INDEX, progress)
            save_cut(folder, cut_val(data.train, share, seed, groups))
            read_dataset.clear()
            rerun_with_message(f"A val part was cut from '{as_plain(name)}'.")


def _offer_undo(cut: ValCut, data: TrainVal, folder: Path) -> None:
    text, button = st.columns([3, 1], vertical_alignment="center")
    aside = f" {len(cut.aside):,} near-duplicates of val are in neither." if cut.aside else ""
    text.caption(
        f"Val was cut from train with seed {cut.seed}: {len(data.train.images):,} images in train, "
        f"{len(data.val.images):,} in val.{aside}"
    )
    if Hosting.here().read_only:
        return
    if button.button("Give val back to train", icon=":material/undo:", width="stretch"):
        Hosting.here().require_writable(_CUTTING)
        delete_cut(folder)
        read_dataset.clear()
        rerun_with_message("The val images are in train again.")
