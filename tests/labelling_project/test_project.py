"""Creating and opening a project, and its files."""

import json
from dataclasses import replace

import pytest

from splitlab.budget.cost import Prices
from splitlab.data.dataset import count_images
from splitlab.data.formats.photos import read_photo_folder
from splitlab.errors import DataError, SettingsError, SplitLabError
from splitlab.project.project import (
    SETTINGS,
    ProjectSettings,
    change_settings,
    new_project,
    open_project,
    pool_of,
    project_names,
)
from splitlab.project.rounds import Task, add_round, add_take, read_rounds, read_takes


def test_a_project_owns_a_dataset_with_linked_photos_and_a_val_part(project, tmp_path):
    data = project.data()
    assert count_images(data.train).masks + len(data.val.images) == 12
    assert len(data.val.images) == 2
    photo = data.train.images[0].path
    assert photo.samefile(tmp_path / "source" / "images" / photo.name)
    assert (pool_of(data.train).full, pool_of(data.train).weak, pool_of(data.train).images) == (10, 0, 28)


def test_a_project_reads_back_as_it_was_made(project):
    assert open_project("shapes", project.workspace) == project
    assert project_names(project.workspace) == ["shapes"]
    changed = change_settings(project, replace(project.settings, hours=5.0))
    assert open_project("shapes", project.workspace).settings.hours == changed.settings.hours == 5.0
    with pytest.raises(SettingsError, match="cannot be renamed"):
        change_settings(project, replace(project.settings, name="others"))


def test_photos_without_labels_need_class_names(project, tmp_path):
    photos = read_photo_folder(tmp_path / "source" / "images")
    settings = replace(project.settings, name="bare")
    with pytest.raises(DataError, match="--classes"):
        new_project(settings, photos, project.workspace)
    bare = new_project(settings, photos, project.workspace, ("square", "disc"))
    data = bare.data()
    assert (data.train.class_names, len(data.train.images), data.has_val) == (("square", "disc"), 30, False)


def test_a_name_is_used_once(project, tmp_path):
    with pytest.raises(DataError, match="already"):
        new_project(project.settings, project.data(), project.workspace)
    assert len(project.data().train.images) == 28


@pytest.mark.parametrize(
    "change",
    [{"name": "../x"}, {"name": ""}, {"name": "embedded"}, {"hours": 0.0}, {"hours": float("nan")}, {"metric": "f1"}],
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(SettingsError):
        replace(ProjectSettings("a", 1.0, Prices(1.0, 2.0)), **change)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": 3}', "[" * 5000, '{"prices": null}'])
def test_a_broken_settings_file_gives_a_sentence(project, content):
    (project.folder / SETTINGS).write_text(content)
    with pytest.raises(SplitLabError, match=r"project\.json"):
        open_project("shapes", project.workspace)


@pytest.mark.parametrize("name", ["../shapes", "nothing", "a/b", ""])
def test_a_project_that_is_not_there_is_named(project, name):
    with pytest.raises(DataError, match="There is no project"):
        open_project(name, project.workspace)


def test_rounds_and_takes_read_back_in_order(project):
    tasks = [Task(20, masks=True, reason="rare class"), Task(21, masks=False, reason="random")]
    first = add_round(project.folder, tasks, 0.5, None, "random")
    second = add_round(project.folder, tasks[:1], 0.25, None, "random")
    assert read_rounds(project.folder) == (first, second)
    assert (first.number, second.number, first.mask_count, first.box_count) == (1, 2, 1, 1)
    take = add_take(project.folder, [20], [21], 0.3, None, "export.zip")
    assert read_takes(project.folder) == (take,)
    assert not take.hours_are_real
    with pytest.raises(SettingsError, match="-1"):
        add_take(project.folder, [20], [], 0.3, -1.0, "export.zip")
    with pytest.raises(SettingsError, match="at least one photo"):
        add_round(project.folder, [], 0.0, None, "random")


def test_a_file_that_was_moved_away_frees_no_number(project):
    task = Task(20, masks=True, reason="random")
    for _ in range(3):
        add_round(project.folder, [task], 0.5, None, "random")
    (project.folder / "rounds" / "0001.json").rename(project.folder / "kept.json")
    assert add_round(project.folder, [task], 0.5, None, "random").number == 4
    assert [one.number for one in read_rounds(project.folder)] == [2, 3, 4]


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"number": 1, "tasks": [{"image_id": 1.5}]})])
def test_a_broken_round_names_its_file(project, content):
    add_round(project.folder, [Task(20, masks=True, reason="random")], 0.5, None, "random")
    (project.folder / "rounds" / "0001.json").write_text(content)
    with pytest.raises(DataError, match=r"0001\.json"):
        read_rounds(project.folder)
