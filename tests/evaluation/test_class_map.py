import json
from dataclasses import replace

import numpy as np
import pytest

from splitlab.checkpoints.checkpoint import MAX_CLASS_MAPS, read_card
from splitlab.data.classes import TABLES
from splitlab.errors import CheckpointError, SettingsError
from splitlab.evaluation.asked_class_map import AskedClassMap, asked_class_map, read_asked
from splitlab.evaluation.class_map import (
    NO_CLASS,
    _keep_counterparts,
    by_name,
    class_map_for,
    keep_class_map,
    map_in_words,
    require_known,
    scored_in_words,
)
from splitlab.evaluation.known_classes import evaluate_known
from splitlab.evaluation.scores import evaluate_detections
from tests.checkpoints import card, write_checkpoint
from tests.evaluation.drawn import dataset, found, label

LEFT, RIGHT = (5, 5, 45, 45), (55, 55, 95, 95)


def asked(words, model_classes=("a", "b", "c"), class_names=("x", "y")):
    return asked_class_map(read_asked(words), model_classes, class_names, "model", "data").counterparts


def test_equal_lists_change_nothing_and_others_are_matched_by_name():
    own = class_map_for(card(class_names=["cat", "dog"]), ("cat", "dog"))
    assert own.is_own
    other = class_map_for(card(class_names=["zebra", "Dogs", "CAT"]), ("cat", "dog", "cow"))
    assert other.counterparts == (None, "dog", "cat")
    assert (other.known, other.unknown, other.left_out) == (("cat", "dog"), ("cow",), ("zebra",))


def test_detections_get_the_data_sets_numbers_and_others_are_left_out():
    seen = found((LEFT, 0.9, 0), (RIGHT, 0.8, 2), (LEFT, 0.7, 1))
    mapped = by_name(["zebra", "dogs", "CAT"], ("cat", "dog")).apply(seen)
    assert mapped.classes.tolist() == [0, 1]
    assert mapped.scores.tolist() == pytest.approx([0.8, 0.7])
    assert mapped.masks == (seen.masks[1], seen.masks[2])
    assert np.array_equal(mapped.boxes, seen.boxes[[1, 2]])


def test_a_class_the_model_does_not_know_has_no_ap_and_is_not_in_the_mean():
    truth = dataset([label(LEFT)], [label(LEFT), label(RIGHT, 1)])
    detections = [found((LEFT, 0.9)), found((LEFT, 0.8))]
    assert evaluate_detections(truth, detections)["mask"]["ap50"] == pytest.approx(50)
    scores = evaluate_known(truth, detections, ("cat",))
    for kind in ("mask", "box"):
        assert scores[kind]["ap50"] == scores[kind]["per_class"]["cat"]["ap50"] == pytest.approx(100)
        assert set(scores[kind]["per_class"]["dog"].values()) == {None}
    assert evaluate_known(truth, detections, ("cat", "dog")) == evaluate_detections(truth, detections)


def test_a_false_alarm_on_a_class_that_is_not_scored_still_counts():
    truth = dataset([label(LEFT), label(RIGHT, 1)])
    scores = evaluate_known(truth, [found((RIGHT, 0.9, 0), (LEFT, 0.8, 0))], ("cat",))
    assert (
        scores["mask"]["ap50"]
        == evaluate_detections(truth, [found((RIGHT, 0.9, 0), (LEFT, 0.8, 0))])["mask"]["per_class"]["cat"]["ap50"]
    )
    assert scores["mask"]["ap50"] < 100


def test_without_a_pair_the_ways_to_name_the_classes_are_said():
    numbered = by_name([f"class_{number}" for number in range(20)], TABLES["voc20"])
    with pytest.raises(CheckpointError, match=r"voc20, voc20-ids.*'order'.*'class_0=aeroplane'"):
        require_known(numbered, "mine", "VOC2012")


@pytest.mark.parametrize(
    ("table", "place", "name"),
    [
        ("voc20", 6, "car"),
        ("voc20-ids", 7, "car"),
        ("voc21", 7, "car"),
        ("coco80", 2, "car"),
        ("coco91", 3, "car"),
    ],
)
def test_a_table_names_classes_by_number(table, place, name):
    numbered = [str(number) for number in range(len(TABLES[table]))]
    counterparts = asked([table], numbered, ("car", "unicorn"))
    assert [found for found, other in enumerate(counterparts) if other == name] == [place]
    with pytest.raises(CheckpointError, match="has 3 classes, the class map names"):
        asked([table])


def test_pairs_go_over_names_and_nothing_after_the_sign_leaves_a_class_out():
    assert asked(["a=x"]) == ("x", None, None)
    assert asked(["a=X", "b = x"]) == ("x", "x", None)
    assert asked(["1=y"]) == (None, "y", None)
    assert asked(["x=", "b=y"], ("x", "b")) == (None, "y")
    assert asked(["order"], ("p", "q")) == ("x", "y")
    assert asked(["coco80", "0=y"], TABLES["coco80"], ("person", "y"))[0] == "y"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: x\nb:\nc: y\n", ("x", None, "y")),
        ("0: x\n2: 'y'\n", ("x", None, "y")),
        ("names: [X, zebra, y]\n", ("x", None, "y")),
        ("path: somewhere\ntrain: images\nnames:\n  0: Y\n  1: x\n  2: zebra\n", ("y", "x", None)),
    ],
)
def test_a_file_holds_pairs_or_the_models_names(tmp_path, content, expected):
    (tmp_path / "map.yaml").write_text(content)
    assert asked([str(tmp_path / "map.yaml")]) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold lines"),
        ("- a", "must hold lines"),
        ("a: [", "cannot be read as YAML"),
        ("\x00", "cannot be read as YAML"),
        ("a: {b: c}", "read as dict"),
        ("no: x", "read as bool"),
        ("a: 1.5", "read as float"),
        ("names: []", "'names' must list"),
        ("names: {0: a, 7: b}", "'names' must list"),
        ("a: &l [1, 2]\nb: *l", "read as list"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(tmp_path, content, message):
    (tmp_path / "map.yaml").write_text(content)
    with pytest.raises(SettingsError, match=message) as refused:
        asked([str(tmp_path / "map.yaml")])
    assert "map.yaml" in str(refused.value)


@pytest.mark.parametrize("word", ["voc", "", "no-such-file.yaml", "x" * 5000, "\0", "."])
def test_a_word_that_is_nothing_is_refused_in_one_sentence(word):
    with pytest.raises(SettingsError, match="is not a table"):
        read_asked([word])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["d=x"], "model has no class 'd'. It has a, b, c"),
        (["3=x"], "model has no class '3'"),
        (["a=z"], "'data' has no class 'z'. Choose among x, y"),
        (["order"], "model has 3 classes, 'data' has 2"),
        (["a="], "None is the same by name"),
    ],
)
def test_what_does_not_fit_the_classes_is_refused(words, message):
    with pytest.raises(CheckpointError, match=message):
        asked(words)


def test_a_kept_map_comes_back_for_these_classes_alone_and_the_latest_counts(tmp_path):
    folder = write_checkpoint(tmp_path / "mine", class_names=["0", "1"])
    for words in (["0=cat"], ["order"]):
        classes = asked_class_map(read_asked(words), ("0", "1"), ("cat", "dog"), "mine", "pets")
        keep_class_map(folder, "pets", classes)
    kept = read_card(folder)
    assert class_map_for(kept, ("cat", "dog")).counterparts == ("cat", "dog")
    assert class_map_for(kept, ("dog", "cat")).known == ()
    assert kept.class_maps == [{"dataset": "pets", "classes": ["cat", "dog"], "counterparts": ["cat", "dog"]}]


def test_a_kept_map_goes_before_equal_names():
    swapped = _keep_counterparts(card(class_names=["cat", "dog"]), "pets", ("cat", "dog"), ("dog", "cat"))
    assert class_map_for(swapped, ("cat", "dog")).places == (1, 0)


def test_the_card_keeps_so_many_maps_and_stays_readable(tmp_path):
    folder = write_checkpoint(tmp_path / "mine")
    grown = read_card(folder)
    for number in range(MAX_CLASS_MAPS + 3):
        grown = _keep_counterparts(grown, "data", (f"class {number}",), (None, None))
    assert [kept["classes"] for kept in grown.class_maps][-1] == [f"class {MAX_CLASS_MAPS + 2}"]
    assert len(grown.class_maps) == MAX_CLASS_MAPS
    names = tuple(f"{number:>900}" for number in range(1500))
    with pytest.raises(CheckpointError, match="over 1,000,000 bytes"):
        keep_class_map(folder, "large", by_name(["cat", "dog"], names))
    assert read_card(folder).class_maps == []


@pytest.mark.parametrize(
    "maps",
    [
        None,
        {},
        [1],
        [{}],
        [{"dataset": "a", "classes": ["x"], "counterparts": ["x"]}],
        [{"dataset": "a", "classes": ["x"], "counterparts": ["x", "y"]}],
        [{"dataset": "a", "classes": ["x"], "counterparts": ["x", []]}],
        [{"dataset": 1, "classes": ["x"], "counterparts": ["x", None]}],
        [{"dataset": "a", "classes": [], "counterparts": [None, None]}],
        [{"dataset": "a", "classes": ["x"], "counterparts": ["x", None], "more": 1}],
    ],
)
def test_a_card_with_a_map_that_does_not_fit_is_refused(tmp_path, maps):
    folder = write_checkpoint(tmp_path / "mine")
    content = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(content | {"class_maps": maps}))
    with pytest.raises(CheckpointError, match=r"class map that does not fit its 2 classes"):
        read_card(folder)


def test_a_card_from_before_class_maps_still_opens(tmp_path):
    folder = write_checkpoint(tmp_path / "mine")
    content = json.loads((folder / "card.json").read_text())
    del content["class_maps"]
    (folder / "card.json").write_text(json.dumps(content))
    assert read_card(folder).class_maps == []


def test_what_is_taken_left_out_and_unknown_is_said():
    classes = by_name(["zebra", "airplane", "cat", "N/A"], ("aeroplane", "cat", "bird"))
    assert map_in_words(classes, "mine", "pets") == [
        "mine: takes airplane as aeroplane.",
        "mine: detections of zebra are left out, as 'pets' has no such class.",
        "mine: does not know bird.",
    ]
    assert scored_in_words(classes.known, classes.data_classes, "pets") == [
        "Scores are means over 2 of the 3 classes of 'pets': aeroplane, cat."
    ]
    assert map_in_words(by_name(["a", "b"], ("a", "b")), "mine", "pets") == []


def test_numbers_that_mean_no_class_are_unused_unless_they_have_a_counterpart():
    names = ("N/A", "cat", "N/A", "dog")
    classes = by_name(names, ("cat", "cow"))
    assert (classes.unused, classes.left_out) == ((0, 2), ("dog",))
    assert classes.labels == ("class 0", "cat", "class 2", "dog")
    given = asked_class_map(read_asked(["2=cow"]), names, ("cat", "cow"), "model", "data")
    assert (given.unused, given.known) == ((0,), ("cat", "cow"))
    assert given.to_json()["map"] == {"cat": "cat", "class 2": "cow"}
    assert map_in_words(given, "model", "data")[0] == "model: takes class 2 as cow."


def test_a_map_of_a_model_with_unused_numbers_has_a_key_of_its_own():
    with_unused, without = by_name(["N/A", "cat"], ("cat",)), by_name(["dog", "cat"], ("cat",))
    assert with_unused.places == without.places
    assert len({with_unused.key, without.key}) == 2


def test_a_number_without_a_class_is_named_in_no_advice():
    with pytest.raises(CheckpointError, match=r"knows the classes dog, cow; .*pairs such as 'dog=x'"):
        require_known(by_name(["N/A", "dog", "cow"], ("x",)), "model", "data")
    with pytest.raises(CheckpointError, match="pairs such as '0=x'"):
        require_known(by_name(["N/A"], ("x",)), "model", "data")
    with pytest.raises(CheckpointError, match="has no class 'N/A'"):
        asked(["N/A=x"], ("N/A", "dog"))


def test_maps_that_number_alike_are_one_key_and_others_are_not():
    first, second = by_name(["a", "b"], ("b", "a")), by_name(["b", "a"], ("a", "b"))
    assert first.key == second.key != ""
    assert replace(first, places=(1, NO_CLASS)).key != first.key
    assert by_name(["a", "b"], ("a", "b")).key == ""
    assert AskedClassMap() == read_asked([])
