import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from splitlab.checkpoints.files import MOST_BYTES, facts_of
from splitlab.errors import CheckpointError, DownloadError, RunError, SplitLabError
from splitlab.models.checkpoint_repository import find_checkpoint, get_checkpoint, push_checkpoint
from splitlab.models.registry import load_model
from tests.checkpoints import write_checkpoint
from tests.hugging_face_server import files_of, hugging_face

NAME = "lab/pets-30-330"


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "theirs" / "good")


@pytest.fixture
def server(monkeypatch):
    with hugging_face(monkeypatch) as server:
        yield server


@pytest.fixture
def into(tmp_path):
    return tmp_path / "workspace" / "checkpoints" / "mine"


def nothing_is_left(into, tmp_path):
    return not into.parent.exists() and [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_a_checkpoint_comes_from_a_repository_and_nothing_else_of_it(server, folder, into):
    server.commit(NAME, {**files_of(folder), "README.md": b"#", "run.py": b"raise SystemExit", "a/card.json": b"{}"})
    found = find_checkpoint(NAME)
    assert (found.card.name, found.card.data_licence) == ("good", "CC0-1.0")
    assert found.bytes == sum(facts.bytes for facts in facts_of(folder).values())
    told = []
    get_checkpoint(found, into, lambda *step: told.append(step))
    assert load_model(into)[1].name == "mine"
    assert facts_of(into)["model.safetensors"] == facts_of(folder)["model.safetensors"]
    size = facts_of(folder)["model.safetensors"].bytes
    assert ("model.safetensors", size, size) in told
    assert {path.name for path in into.iterdir()} == set(MOST_BYTES) == set(server.sent)
    assert [path.name for path in into.parent.iterdir()] == ["mine"]


def test_a_pinned_revision_gives_the_same_files_after_the_repository_has_changed(server, folder, into, tmp_path):
    first = server.commit(NAME, files_of(folder))
    server.commit(NAME, files_of(write_checkpoint(tmp_path / "theirs" / "newer", seed=7)))
    assert find_checkpoint(NAME).card.seed == 7
    assert find_checkpoint(f"{NAME}@main").card.seed == 7
    found = find_checkpoint(f"{NAME}@{first}")
    assert (found.card.seed, found.pinned) == (0, f"{NAME}@{first}")
    get_checkpoint(found, into)
    assert load_model(into)[1].seed == 0


def test_what_is_got_is_what_was_looked_at_even_if_the_repository_changes_in_between(server, folder, into, tmp_path):
    server.commit(NAME, files_of(folder))
    found = find_checkpoint(NAME)
    server.commit(NAME, files_of(write_checkpoint(tmp_path / "theirs" / "newer", seed=7)))
    assert load_model(get_checkpoint(found, into))[1].seed == found.card.seed == 0


def test_a_pushed_checkpoint_is_private_and_comes_back_with_a_token_alone(server, folder, into, monkeypatch):
    (folder / "notes.txt").write_text("stays here")
    monkeypatch.setenv("HF_TOKEN", "secret")
    pinned = push_checkpoint(folder, NAME, private=True)
    assert server.made == [(NAME, "private")]
    assert set(server.commits[NAME][pinned.partition("@")[2]]) == set(MOST_BYTES)
    server.private.add(NAME)
    with pytest.raises(CheckpointError, match="or you have no access to it"):
        find_checkpoint(pinned, token=False)
    get_checkpoint(find_checkpoint(pinned), into)
    assert facts_of(into)["model.safetensors"] == facts_of(folder)["model.safetensors"]


def test_a_push_without_a_token_and_one_of_no_checkpoint_are_sentences(server, folder, tmp_path):
    with pytest.raises(CheckpointError, match="hf auth login"):
        push_checkpoint(folder, NAME, private=True)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        push_checkpoint(tmp_path, NAME, private=True)
    assert server.commits == {}


def test_an_existing_checkpoint_is_not_replaced_and_nothing_is_downloaded(server, folder, into):
    server.commit(NAME, files_of(folder))
    found = find_checkpoint(NAME)
    write_checkpoint(into, seed=3)
    server.sent.clear()
    with pytest.raises(CheckpointError, match="already exists"):
        get_checkpoint(found, into)
    assert load_model(into)[1].seed == 3
    assert server.sent == []


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("lab/missing", "does not exist at http.*or you have no access"),
        (f"{NAME}@missing", "no such revision"),
        ("../../etc/passwd", "is not a repository"),
        ("lab/..", "is not a repository"),
        ("/etc/passwd", "is not a repository"),
        ("https://example.org/hub", "is not a repository"),
        ("", "is not a repository"),
        (f"{NAME}@../../..", "no such revision"),
    ],
)
def test_an_address_that_leads_to_no_checkpoint_is_a_sentence(server, folder, address, why):
    server.commit(NAME, files_of(folder))
    with pytest.raises(CheckpointError, match=why) as caught:
        find_checkpoint(address)
    assert "\n" not in str(caught.value)
    assert server.sent == []


def lies(**changes):
    def change(info):
        for sibling in info["siblings"]:
            sibling["size"] = changes.get(sibling["rfilename"].partition(".")[0], sibling["size"])
        info["sha"] = changes.get("sha", info["sha"])

    return change


@pytest.mark.parametrize(
    "change",
    [
        lies(model=10**12),
        lies(card=10**8),
        lies(model=0),
        lies(model=-1),
        lies(model=None),
        lies(sha="../../x"),
        lies(sha=None),
        lambda info: info["siblings"].pop(),
        lambda info: info.update(siblings=None),
    ],
)
def test_a_repository_without_our_two_files_of_possible_sizes_is_refused_before_anything_is_downloaded(
    server, folder, change
):
    server.commit(NAME, files_of(folder))
    server.change_info = change
    with pytest.raises(CheckpointError, match="holds no checkpoint of SplitLab"):
        find_checkpoint(NAME)
    assert server.sent == []


@pytest.mark.parametrize("change", [lies(model="large"), lies(sha=3), lambda info: info.update(siblings=3)])
def test_an_answer_that_is_none_of_hugging_faces_is_a_sentence(server, folder, change):
    server.commit(NAME, files_of(folder))
    server.change_info = change
    with pytest.raises(SplitLabError) as caught:
        find_checkpoint(NAME)
    assert len(str(caught.value)) < 500


def hostile(folder, **changes):
    files = files_of(folder)
    card = {**json.loads(files["card.json"]), **changes}
    return {**files, "card.json": json.dumps(card).encode()}


def with_nan(folder):
    stored = load_file(folder / "model.safetensors")
    stored["model.0.conv.weight"][0] = np.nan
    return {**files_of(folder), "model.safetensors": save(stored)}


@pytest.mark.parametrize(
    "made",
    [
        lambda folder: hostile(folder, model="yolov5s-seg"),
        lambda folder: hostile(folder, class_names=["one"]),
        with_nan,
        lambda folder: {**files_of(folder), "model.safetensors": b"\x80\x04cos\nsystem\n(S'touch ran'\ntR."},
    ],
    ids=["another model", "other classes", "NaN", "pickle"],
)
def test_weights_that_an_upload_would_not_be_kept_for_are_not_kept_and_the_repository_is_named(
    server, folder, into, tmp_path, made
):
    commit = server.commit(NAME, made(folder))
    with pytest.raises(CheckpointError) as caught:
        get_checkpoint(find_checkpoint(NAME), into)
    assert "splitlab-get-" not in str(caught.value)
    assert not into.exists()
    assert list(into.parent.iterdir()) == []
    assert len(commit) == 40


def test_a_broken_card_names_the_repository(server, folder):
    commit = server.commit(NAME, {**files_of(folder), "card.json": b"{"})
    with pytest.raises(CheckpointError, match=rf"^{NAME}@{commit}/card\.json is broken"):
        find_checkpoint(NAME)


def test_a_file_larger_than_any_checkpoint_has_is_not_read_to_its_end(server, folder, into, tmp_path, monkeypatch):
    server.commit(NAME, files_of(folder))
    found = find_checkpoint(NAME)
    monkeypatch.setitem(MOST_BYTES, "model.safetensors", 1_000_000)
    with pytest.raises(DownloadError, match=r"model\.safetensors is over 1,000,000 bytes"):
        get_checkpoint(found, into)
    assert nothing_is_left(into, tmp_path)


def test_a_full_disk_is_a_sentence(server, folder, into, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    server.commit(NAME, files_of(folder))
    monkeypatch.setattr("huggingface_hub.HfApi.hf_hub_download", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\)\. Free some space"):
        find_checkpoint(NAME)


def test_a_machine_without_network_is_answered_in_one_sentence_that_names_the_offline_way(
    server, folder, into, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _seconds: None)
    server.commit(NAME, files_of(folder))
    found = find_checkpoint(NAME)
    server.shutdown()
    server.server_close()
    for ask in (lambda: find_checkpoint(NAME), lambda: get_checkpoint(found, into)):
        with pytest.raises(DownloadError, match=r"cannot be reached.*splitlab checkpoint import FILE") as caught:
            ask()
        assert "\n" not in str(caught.value)
    assert not into.exists()


def test_the_command_asks_the_server_of_the_environment_and_shows_no_traceback_without_it(tmp_path, server):
    server.commit("lab/other", {})
    environment = {**os.environ, "HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "splitlab", "checkpoint", "get", NAME]
    for variable, why in (({}, "does not exist at http://127.0.0.1"), ({"HF_HUB_OFFLINE": "1"}, "cannot be reached")):
        ended = subprocess.run(
            command, env={**environment, **variable}, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith("Error: ")
        assert why in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
