import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitlab import download
from splitlab.errors import CheckpointError, DownloadError
from splitlab.models.hub_get import get_checkpoint
from splitlab.models.load import load_model
from splitlab.runs.card_in_words import card_in_words
from splitlab.runs.checkpoint_files import facts_of
from splitlab.runs.hub import plain_hub, read_hub
from splitlab.runs.hub_index import MOST_ENTRIES, parse_index, write_index
from splitlab.runs.known_hubs import MOST_HUBS, forget_hub, known_hubs, remember_hub
from tests.checkpoints import write_checkpoint
from tests.file_server import broken_off, serving

SCORES = {"ap50": 80.0, "ap70": 60.0, "ap75": 50.0, "ap50_95": 45.0, "per_class": {"cat": {"ap50": 80.0}}}


@pytest.fixture
def hub(tmp_path):
    write_checkpoint(tmp_path / "hub" / "a", scores={"mask": SCORES, "box": SCORES}, trained_by={"device": "cpu"})
    write_checkpoint(tmp_path / "hub" / "größer-2.1")
    write_index(tmp_path / "hub")
    return tmp_path / "hub"


@pytest.fixture
def imported(tmp_path):
    return tmp_path / "workspace" / "checkpoints"


@pytest.fixture
def server(hub, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "WAIT_SECONDS", (0.0,))
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 5.0)
    quoted = {"größer-2.1": "gr%C3%B6%C3%9Fer-2.1"}
    files = {
        f"/hub/{quoted.get(path.parent.name, path.parent.name)}/{path.name}": path.read_bytes()
        for path in hub.glob("*/*")
    }
    with serving({"/hub/index.json": (hub / "index.json").read_bytes(), **files}) as server:
        yield server


def quiet(*_):
    pass


def kept(imported):
    return sorted(path.name for path in imported.glob("[!.]*"))


def change_index(hub, change):
    index = json.loads((hub / "index.json").read_text())
    change(index["checkpoints"][0])
    (hub / "index.json").write_text(json.dumps(index))


def test_an_index_says_what_each_checkpoint_is_and_not_how_it_was_trained(hub):
    offered = read_hub(str(hub))
    assert list(offered) == ["a", "größer-2.1"]
    card = offered["a"].card
    assert (card.model, card.data_licence, card.split_name) == ("yolov5n-seg", "CC0-1.0", "3/4")
    assert card.scores["mask"] == {name: value for name, value in SCORES.items() if name != "per_class"}
    assert card.trained_by == {}
    assert offered["a"].files == facts_of(hub / "a")


def test_a_checkpoint_is_got_from_a_folder_and_from_a_server(hub, server, imported):
    folder = get_checkpoint(str(hub), "a", imported, quiet)
    assert facts_of(folder) == facts_of(hub / "a")
    told = []
    address = server.address("/hub/index.json")
    folder = get_checkpoint(address, "größer-2.1", imported, lambda *step: told.append(step))
    assert load_model(folder)[1].name == "größer-2.1"
    assert told[-1][0] == "card.json"
    assert kept(imported) == ["a", "größer-2.1"]


def test_what_is_here_already_is_not_fetched_again(hub, server, imported):
    get_checkpoint(server.address("/hub"), "a", imported, quiet)
    asked = len(server.asked)
    get_checkpoint(server.address("/hub/"), "a", imported, quiet)
    assert len(server.asked) == asked + 1  # the index


def test_another_checkpoint_of_the_name_is_not_replaced(hub, imported):
    write_checkpoint(imported / "a", seed=3)
    with pytest.raises(CheckpointError, match="other files"):
        get_checkpoint(str(hub), "a", imported, quiet)


def test_after_a_break_only_the_rest_is_fetched(hub, server, imported, monkeypatch):
    monkeypatch.setattr(download, "WAIT_SECONDS", ())
    size = facts_of(hub / "a")["model.safetensors"].bytes
    server.faults = [lambda handler, content, start: handler.send_error(404)]
    with pytest.raises(DownloadError, match="404"):
        get_checkpoint(server.address("/hub"), "a", imported, quiet)
    hub_index = (hub / "index.json").read_bytes()
    server.faults = [lambda handler, content, start: (handler.begin(0, len(hub_index)), handler.send(hub_index))]
    server.faults.append(broken_off)
    with pytest.raises(DownloadError, match="what has come is kept"):
        get_checkpoint(server.address("/hub"), "a", imported, quiet)
    assert kept(imported) == []
    get_checkpoint(server.address("/hub"), "a", imported, quiet)
    assert f"bytes={size // 2}-" in server.asked
    assert kept(imported) == ["a"]


@pytest.mark.parametrize("name", ["model.safetensors", "card.json"])
def test_a_file_with_one_other_bit_is_refused_from_a_folder_and_from_a_server(hub, server, imported, name):
    path = hub / "a" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    server.files[f"/hub/a/{name}"] = bytes(content)
    with pytest.raises(CheckpointError, match="sha256"):
        get_checkpoint(str(hub), "a", imported, quiet)
    with pytest.raises(DownloadError, match="SHA256"):
        get_checkpoint(server.address("/hub"), "a", imported, quiet)
    assert kept(imported) == []


def test_a_file_larger_than_the_index_says_is_not_read_to_its_end(hub, server, imported):
    server.files["/hub/a/model.safetensors"] += b"x" * 10_000_000
    with pytest.raises(DownloadError, match="expected"):
        get_checkpoint(server.address("/hub"), "a", imported, quiet)
    with (hub / "a" / "model.safetensors").open("ab") as file:
        file.truncate(10**11)
    with pytest.raises(CheckpointError, match="is not the file of"):
        get_checkpoint(str(hub), "a", imported, quiet)
    assert kept(imported) == []


def test_a_card_other_than_the_one_shown_is_not_kept(hub, imported):
    change_index(hub, lambda entry: entry["card"].update(data_licence="public domain"))
    with pytest.raises(CheckpointError, match="something else than the index"):
        get_checkpoint(str(hub), "a", imported, quiet)
    assert kept(imported) == []
    assert list((imported / ".downloads").glob("*/*")) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(name="../../a"),
        lambda entry: entry.update(name="/etc/a"),
        lambda entry: entry.update(name=".hidden"),
        lambda entry: entry.update(name="a\\b"),
        lambda entry: entry.update(name=["a"]),
        lambda entry: entry.update(name="größer-2.1"),
        lambda entry: entry["files"].update({"../run.py": entry["files"]["card.json"]}),
        lambda entry: entry["files"].pop("card.json"),
        lambda entry: entry["files"]["card.json"].update(bytes=10**7),
        lambda entry: entry["files"]["card.json"].update(bytes=-1),
        lambda entry: entry["files"]["model.safetensors"].update(bytes=10**13),
        lambda entry: entry["files"]["model.safetensors"].update(sha256="0"),
        lambda entry: entry["files"]["model.safetensors"].update(url="http://elsewhere"),
        lambda entry: entry["card"].update(class_names=[]),
        lambda entry: entry["card"].update(extra=1),
        lambda entry: entry["card"].update(dataset="\x1b]0;pets\x07"),
        lambda entry: entry.update(card=None),
    ],
)
def test_an_index_that_no_honest_hub_has_is_refused_by_a_sentence(hub, imported, change):
    change_index(hub, change)
    with pytest.raises(CheckpointError, match=r"index\.json is no index of checkpoints .*splitlab checkpoint index"):
        get_checkpoint(str(hub), "a", imported, quiet)
    assert not imported.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"<html>", b'{"format": 2, "checkpoints": []}', b'{"format": 1}', b"[" * 100_000, b"\xff\xfe"],
)
def test_what_is_no_index_at_all_is_refused_by_a_sentence(content):
    with pytest.raises(CheckpointError, match="here is no index of checkpoints"):
        parse_index(content, "here")


def test_too_many_entries_and_too_many_bytes_are_refused(hub, server):
    index = json.loads((hub / "index.json").read_text())
    index["checkpoints"] *= MOST_ENTRIES
    with pytest.raises(CheckpointError, match="over 1,000"):
        parse_index(json.dumps(index).encode(), "here")
    server.files["/hub/index.json"] = b" " * 10_000_001
    with pytest.raises(DownloadError, match="expected"):
        read_hub(server.address("/hub"))
    (hub / "index.json").write_bytes(b" " * 10_000_001)
    with pytest.raises(CheckpointError, match="no index of ours"):
        read_hub(str(hub))


def test_a_hub_that_is_not_there_or_offline_is_said(tmp_path, server):
    with pytest.raises(CheckpointError, match=r"index\.json is missing.*splitlab checkpoint index"):
        read_hub(str(tmp_path))
    address = server.address("/hub")
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 cannot be reached.*Check the network connection"):
        read_hub(address)


def test_a_name_that_the_hub_does_not_have_is_answered_with_those_it_has(hub, imported):
    with pytest.raises(CheckpointError, match=r"'b'\. It has: a, größer"):
        get_checkpoint(str(hub), "b", imported, quiet)


def test_a_folder_without_checkpoints_and_one_with_an_odd_name_make_no_index(tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoints"):
        write_index(tmp_path)
    write_checkpoint(tmp_path / "with space")
    with pytest.raises(CheckpointError, match="'with space' is no name"):
        write_index(tmp_path)


def test_the_top_of_a_disk_is_not_taken_for_the_current_folder():
    assert [plain_hub(hub) for hub in ("/", "/index.json", "//", "https://a.example/")] == [
        "/", "/", "//", "https://a.example",
    ]  # fmt: skip


def test_hubs_are_remembered_the_last_used_first_and_forgotten(tmp_path):
    root = tmp_path / "workspace"
    assert known_hubs(root) == []
    for hub in ("https://a.example/hub/index.json", str(tmp_path / "hub"), "https://a.example/hub/"):
        remember_hub(root, hub)
    assert known_hubs(root) == ["https://a.example/hub", str(tmp_path / "hub")]
    forget_hub(root, "https://a.example/hub")
    assert known_hubs(root) == [str(tmp_path / "hub")]
    for number in range(MOST_HUBS + 5):
        remember_hub(root, f"https://a.example/{number}")
    assert len(known_hubs(root)) == MOST_HUBS


@pytest.mark.parametrize("content", ["{", "[]", '{"hubs": 3}', '{"hubs": [1, null]}'])
def test_a_broken_list_of_hubs_is_an_empty_one(tmp_path, content):
    (tmp_path / "hubs.json").write_text(content)
    assert known_hubs(tmp_path) == []
    remember_hub(tmp_path, "https://a.example")
    assert known_hubs(tmp_path) == ["https://a.example"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """Every place in a JSON document, as the keys that lead there."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_in_an_index_it_is_read_or_refused_and_never_more(shipped_index, data):
    index = json.loads(shipped_index)
    *path, last = data.draw(st.sampled_from([place for place in places(index) if place]))
    holder = index
    for key in path:
        holder = holder[key]
    holder[last] = data.draw(JSON)
    try:
        entries = parse_index(json.dumps(index).encode(), "here")
    except CheckpointError:
        return
    for entry in entries.values():
        assert entry.bytes < 2_000_000_000
        assert not {"/", "\\", "\0"} & set(entry.name)
        assert all(isinstance(text, str) for text in card_in_words(entry.card, entry.files).values())


@pytest.fixture(scope="module")
def shipped_index():
    return (Path(__file__).parents[2] / "checkpoints" / "index.json").read_text()


@pytest.mark.parametrize("change", [1, -1, 5000])
def test_a_size_that_the_index_overstates_or_understates_is_refused(hub, server, imported, change):
    def resize(entry):
        entry["files"]["model.safetensors"]["bytes"] += change

    change_index(hub, resize)
    server.files["/hub/index.json"] = (hub / "index.json").read_bytes()
    for place in (server.address("/hub"), str(hub)):
        with pytest.raises((CheckpointError, DownloadError)):
            get_checkpoint(place, "a", imported, quiet)
        assert kept(imported) == []
