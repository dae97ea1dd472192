import json
import shutil

from tests.ui.opened import metrics, open_page, texts


def labels_of(folder, change):
    for path in folder.glob("instances_*.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"annotations": change(content["annotations"])}))


def test_the_data_page_names_crowds_and_photos_without_labels_and_reads_them_as_asked(embedded, tiny_folder, tmp_path):
    folder = tmp_path / "workspace" / "data" / "leaves"
    shutil.copytree(tiny_folder, folder)
    labels_of(folder, lambda found: [{**one, "iscrowd": 1} for one in found[:4]])
    app = open_page("data", data="leaves")
    assert any("are crowd regions" in warning.value for warning in app.warning)
    assert metrics(app)["with masks"] == "0"
    assert "4 background, 8 not labelled" in texts(app)
    app.radio(key="crowds_leaves").set_value("objects")
    app.radio(key="without_labels_leaves").set_value("background").run()
    app.button(key="read_as").click().run()
    assert not app.exception
    assert metrics(app)["with masks"] == "4"
    assert "8 background" in texts(app)
    assert "not labelled" not in texts(app)
    kept = json.loads((folder / "splitlab.json").read_text())
    assert kept == {"crowds": "objects", "without_labels": "background", "half_masked": "weak"}


def test_a_read_only_server_keeps_how_labels_are_read(embedded, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLITLAB_READ_ONLY", "1")
    folder = tmp_path / "workspace" / "data" / "leaves"
    shutil.copytree(tiny_folder, folder)
    labels_of(folder, lambda found: found[:3])
    app = open_page("data", data="leaves")
    assert "9 training images have no labels" in texts(app)
    assert not [radio for radio in app.radio if radio.key == "without_labels_leaves"]
