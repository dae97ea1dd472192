"""The name that an upload is to go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def name_upload(file: UploadedFile, proposed: str, key: str, most_letters: int) -> str:
    """Show a field for a name; a file that takes the place of another brings its own.

    Args:
        file: the upload.
        proposed: what it is called at first.
        key: of the field.
        most_letters: that a name may have.
    """
    of = f"file of {key}"
    if st.session_state.get(of) != file.file_id:
        st.session_state[of] = file.file_id
        st.session_state[key] = proposed
    return st.text_input("Name", key=key, max_chars=most_letters).strip()
