import argparse
import datetime
import tempfile
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from splitlab.errors import CheckpointError
from splitlab.models.foreign import reader as foreign_reader
from splitlab.models.foreign.reader import read_foreign
from splitlab.models.foreign.tree import ForeignObject
from tests.models.foreign_files import Block, the_authors_modules
from tests.small_disk import fill, small_disk


@pytest.fixture(params=["zip", "the old format"])
def written(request, tmp_path):
    def write(content):
        torch.save(content, tmp_path / "file.pt", _use_new_zipfile_serialization=request.param == "zip")
        return read_foreign(tmp_path / "file.pt").tree

    return write


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
)
def test_tensors_of_every_type_come_back_as_torch_has_them(written, dtype):
    tensor = (torch.arange(24).view(2, 3, 4) * 1.25 - 7).abs().to(getattr(torch, dtype))
    found = written({"a": tensor})["a"]
    expected = tensor.float() if dtype == "bfloat16" else tensor
    assert found.dtype == expected.numpy().dtype
    assert np.array_equal(found, expected.numpy())


def test_views_of_a_storage_come_back_as_torch_shows_them(written):
    base = torch.arange(120.0).view(2, 3, 4, 5)
    views = {
        "transposed": base.transpose(1, 3),
        "channels last": base.contiguous(memory_format=torch.channels_last),
        "part": base[1, ::2, 1:3],
        "expanded": base[0, 0, 0].expand(7, 5),
        "scalar": base[1, 2, 3, 4],
        "empty": torch.empty(0),
        "no rows": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(base),
    }
    found = written(views)
    for name, view in views.items():
        assert found[name].shape == tuple(view.shape), name
        assert np.array_equal(found[name], view.detach().numpy()), name


def test_tensors_that_are_one_stay_one(written):
    tensor = torch.rand(3)
    found = written([tensor, tensor])
    assert found[0] is found[1]


def test_a_detr_file_is_a_state_dict_and_its_arguments(written):
    state = OrderedDict({"class_embed.weight": torch.rand(4, 256)})
    state._metadata = OrderedDict({"": {"version": 1}})
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.rand(3))])
    arguments = argparse.Namespace(hidden_dim=256, masks=True, output_dir=Path("out"), lr=1e-4)
    tree = written({"model": state, "optimizer": optimizer.state_dict(), "epoch": 49, "args": arguments})
    assert list(tree) == ["model", "epoch", "args"]
    assert np.array_equal(tree["model"]["class_embed.weight"], state["class_embed.weight"].numpy())
    assert tree["args"].class_name == "argparse.Namespace"
    assert {name: tree["args"].attributes[name] for name in ("hidden_dim", "masks", "lr")} == {
        "hidden_dim": 256,
        "masks": True,
        "lr": 1e-4,
    }


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_what_stands_beside_the_weights_is_plain_or_inert(written):
    network = Block([("act", torch.nn.SiLU())])
    network.names, network.stride = {0: "cat", 1: "dog"}, torch.tensor([8.0, 16, 32])
    beside = {
        "best_fitness": np.float64(0.5),
        "date": datetime.datetime(2023, 1, 1),
        "saved": {1, 2},
        "shape": torch.Size([2, 3]),
        "kind": torch.float16,
        "device": torch.device("cpu"),
        "bytes": b"abc",
        "nothing": None,
        "infinite": float("inf"),
    }
    with the_authors_modules():
        tree = written({"model": network, **beside})
    module = tree["model"]
    assert module.class_name == "models.common.Block"
    assert module.attributes["names"] == {"0": "cat", "1": "dog"}
    assert module.attributes["stride"].tolist() == [8, 16, 32]
    assert module.attributes["kept"] == ForeignObject("builtins.getattr", {})
    assert module.attributes["_modules"]["act"].class_name == "torch.nn.modules.activation.SiLU"
    assert (tree["saved"], tree["shape"], tree["nothing"], tree["infinite"]) == ([1, 2], [2, 3], None, float("inf"))
    assert tree["bytes"] is None or isinstance(tree["bytes"], ForeignObject)


def test_a_class_that_is_on_no_list_is_named(written):
    with pytest.raises(CheckpointError, match=r"it uses 'fractions\.Fraction'"):
        written({"a": Fraction(1, 2)})


HOSTILE_WORDS = ("act", "harm", "hostile", "evil", "Do not use", "Delete")


def refusal_of(path):
    with pytest.raises(CheckpointError) as caught:
        read_foreign(path)
    return str(caught.value)


@pytest.mark.parametrize("kilobytes_left", [0, 4, 40, 600])
def test_a_full_disk_for_temporary_files_is_no_fault_of_the_file(tmp_path, monkeypatch, kilobytes_left):
    path = tmp_path / "innocent.pt"
    torch.save({"weights": torch.zeros(500_000), "text": "x" * 50_000}, path)
    with small_disk(tmp_path / "disk", 2) as disk:
        fill(disk, leave=1024 * kilobytes_left)
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        said = refusal_of(path)
    assert "innocent.pt: the folder for temporary files has no space" in said
    assert "TMPDIR" in said
    assert str(disk) not in said
    assert not [word for word in HOSTILE_WORDS if word in said]


def test_a_missing_folder_for_temporary_files_is_no_fault_of_the_file(tmp_path, monkeypatch):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "innocent.pt")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert "the folder for temporary files" in refusal_of(tmp_path / "innocent.pt")


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed, probably for lack of memory"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "it should take a few. Try again when this machine is less busy"),
        ("os.kill(os.getpid(), signal.SIGBUS)", "the folder for temporary files has no space"),
        ("sys.exit(78)", "the folder for temporary files has no space"),
        ("sys.exit(1)", "ended early (code 1). The file may be broken"),
        ("time.sleep(60)", "it should take a few. Try again when this machine is less busy"),
    ],
)
def test_what_this_machine_did_to_the_reading_process_is_no_fault_of_the_file(tmp_path, monkeypatch, end, sentence):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "innocent.pt")
    monkeypatch.setattr(foreign_reader, "_CHILD", f"import os, signal, sys, time; {end}")
    monkeypatch.setattr(foreign_reader, "_MAX_SECONDS", 1)
    said = refusal_of(tmp_path / "innocent.pt")
    assert sentence in said
    assert not [word for word in HOSTILE_WORDS if word in said]


def test_a_file_that_has_the_reading_process_act_is_told_from_all_that(tmp_path, monkeypatch):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "evil.pt")
    monkeypatch.setattr(foreign_reader, "_CHILD", "import sys; sys.exit(77)")
    assert "something that weights never need. Do not use this file" in refusal_of(tmp_path / "evil.pt")
