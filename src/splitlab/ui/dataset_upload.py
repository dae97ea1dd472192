"""Add a data set to the work space: an upload, or the way to the ones that can be downloaded."""

from __future__ import annotations

import streamlit as st

from splitlab.data.fit_for_training import notes_on
from splitlab.data.incoming.import_archive import import_archive, proposed_name
from splitlab.hosting import Hosting
from splitlab.ui.hosted import upload_limit
from splitlab.ui.plain_text import as_plain
from splitlab.ui.upload_name import name_upload
from splitlab.workspace import Workspace

UPLOAD_MEGABYTES = 500
MOST_LETTERS = 60
ADDING = "Adding data sets"


def upload_dataset(workspace: Workspace) -> None:
    """Show the uploader; unpack and keep what can be read.

    Raises:
        SplitLabError: the file cannot be used, or visitors may add nothing.
    """
    file = st.file_uploader(
        "A zip or tar of a data set: COCO, YOLO, VOC2012, Cityscapes or Oxford-IIIT Pet",
        type=["zip", "tar", "gz"],
        max_upload_size=upload_limit(UPLOAD_MEGABYTES),
        key="archive",
    )
    st.caption(
        "COCO: images/, instances_train.json, instances_val.json. YOLO: data.yaml, images/, labels/. "
        f"Larger ones: put the folder into {as_plain(str(workspace.data))}."
    )
    st.caption("On the command line: `splitlab data get pets`, `splitlab data get voc2012`.")
    if file is None:
        return
    name = name_upload(file, proposed_name(file.name), "archive_name", MOST_LETTERS)
    if st.button("Add it", type="primary", icon=":material/add:", width="stretch"):
        Hosting.here().require_writable(ADDING)
        with st.spinner("Unpacking and reading"):
            data = import_archive(file, name, workspace.data)
        st.success(f"'{as_plain(name)}' is here: {len(data.train.images):,} training images. Choose it by its name.")
        for note in notes_on(data):
            st.warning(as_plain(note))
