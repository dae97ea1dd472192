"""Checkpoints that a team shares: look at a hub's cards, and get one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from splitlab.errors import CheckpointError
from splitlab.hosting import Hosting
from splitlab.runs.card_in_words import megabytes
from splitlab.runs.hub import is_address, plain_hub, read_hub
from splitlab.runs.hub_index import HubEntry
from splitlab.runs.known_hubs import forget_hub, known_hubs, remember_hub
from splitlab.ui.checkpoint_card import show_card
from splitlab.ui.page import draw_anew
from splitlab.ui.plain_text import as_plain
from splitlab.workspace import Workspace

OFFERED = "offered by a hub"
ANOTHER = "another address"


def offer_hubs(workspace: Workspace) -> None:
    """Let a hub be chosen and looked at; show the cards of what it offers, and get what is asked for.

    Raises:
        SplitLabError: the hub or one of its checkpoints cannot be used, or visitors may import nothing.
    """
    hub = st.selectbox("Hub", [*known_hubs(workspace.root), ANOTHER], key="hub")
    if hub == ANOTHER:
        hub = st.text_input("Its address", placeholder="https://", key="hub_address", max_chars=500).strip()
        st.caption("A folder becomes known here by `splitlab checkpoint list FOLDER`.")
    buttons = st.container(horizontal=True)
    # Asked for by a button: a server that is away must not hold up every other click on the page.
    if buttons.button("Look", icon=":material/search:", disabled=not hub):
        with st.spinner("Asking the hub"):
            st.session_state[OFFERED] = plain_hub(hub), look_at(hub, workspace)
    if hub in known_hubs(workspace.root) and buttons.button("Forget it", help="What was got from it stays."):
        forget(hub, workspace)
        draw_anew(f"'{as_plain(hub)}' is off the list.")
    looked_at, offered = st.session_state.get(OFFERED, ("", {}))
    if hub and looked_at == plain_hub(hub):
        _choose(looked_at, offered, workspace)


def look_at(hub: str, workspace: Workspace) -> dict[str, HubEntry]:
    """Read what a hub offers, and remember it. A visitor names no folder that was not made known before.

    Raises:
        SplitLabError: it cannot be read, or it is a folder elsewhere, or visitors may import nothing.
    """
    Hosting.here().require_writable("Getting checkpoints")
    hub = plain_hub(hub)
    if not (is_address(hub) or hub in known_hubs(workspace.root) or _inside(Path(hub), workspace.root)):
        raise CheckpointError(
            "From the page only addresses (http:// or https://) and folders in the work space are opened. Make "
            "another folder known first: splitlab checkpoint list FOLDER."
        )
    offered = read_hub(hub)
    remember_hub(workspace.root, hub)
    return offered


def forget(hub: str, workspace: Workspace) -> None:
    """Take a hub off the list of those that were used before.

    Raises:
        SplitLabError: the list cannot be written, or visitors may change nothing.
    """
    Hosting.here().require_writable("Forgetting hubs")
    forget_hub(workspace.root, hub)


def get(hub: str, entry: HubEntry, workspace: Workspace) -> Path:
    """Copy a checkpoint that a hub offers into the work space, with a bar.

    Raises:
        SplitLabError: it cannot be had, or visitors may import nothing.
    """
    from splitlab.models.hub_get import fetch_entry

    Hosting.here().require_writable("Getting checkpoints")
    bar = st.progress(0.0, "Asking the hub")

    def show(name: str, done: int, _total: int) -> None:
        bar.progress(min(done / entry.files[name].bytes, 1.0), f"{name}: {megabytes(done)}")

    try:
        return fetch_entry(hub, entry, workspace.imported, show)
    finally:
        bar.empty()


def _choose(hub: str, offered: dict[str, HubEntry], workspace: Workspace) -> None:
    name = st.selectbox("Checkpoint", list(offered), key="hub_checkpoint")
    if name not in offered:
        return
    show_card(offered[name].card, offered[name].files)
    if st.button("Get it", type="primary", icon=":material/download:", width="stretch"):
        get(hub, offered[name], workspace)
        draw_anew(f"'{as_plain(name)}' is here: pick it among the checkpoints.")


def _inside(folder: Path, root: Path) -> bool:
    return folder.resolve().is_relative_to(root.resolve())
