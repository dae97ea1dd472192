"""Import somebody's .pt file from the page: read without running it, kept in the work space."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path, PurePath

import streamlit as st

from splitlab.errors import CheckpointError
from splitlab.workspace import Workspace

MAX_UPLOAD_MEGABYTES = 400
NAME = re.compile(r"\w[\w.-]{0,59}")


def upload_checkpoint(workspace: Workspace) -> None:
    """Show the uploader; import what can be read.

    Raises:
        CheckpointError: the file cannot be used.
    """
    file = st.file_uploader(
        "A .pt or .pth file of YOLOv5-seg or DETR",
        type=["pt", "pth"],
        max_upload_size=MAX_UPLOAD_MEGABYTES,
        key="weights",
    )
    st.caption(
        "Official YOLOv5 and DETR files and the paper's own are read by a process that can do nothing else: nothing "
        "in them runs."
    )
    if file is None:
        return
    name = st.text_input("Name", PurePath(file.name).stem, key="weights_name", max_chars=60).strip()
    if st.button("Import it", type="primary", icon=":material/add:", width="stretch"):
        if not NAME.fullmatch(name):
            raise CheckpointError(f"'{name}' is no name for a checkpoint: use letters, digits, dots and dashes.")
        with st.spinner("Reading"), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload.pt"
            path.write_bytes(file.getvalue())
            _import(path, workspace.imported / name)
        st.success(f"'{name}' is here: pick it among the checkpoints.")


def _import(path: Path, into: Path) -> None:
    from splitlab.models.foreign_import import import_checkpoint

    import_checkpoint(path, into)
