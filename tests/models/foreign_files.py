"""Foreign files as the tests need them: as torch.save writes the authors' models, and by hand."""

import sys
import types
import warnings
import zipfile
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    """A module of a class that only the file knows; its head keeps a method, as the authors' does."""

    def __init__(self, children=()):
        super().__init__()
        for name, child in children:
            self.add_module(name, child)
        self.kept = self.forward


Block.__module__, Block.__qualname__ = "models.common", "Block"


@contextmanager
def the_authors_modules():
    """Have `models.common` importable while a file is written, and at no other time."""
    fakes = {"models": types.ModuleType("models"), "models.common": types.ModuleType("models.common")}
    fakes["models.common"].Block = Block
    sys.modules.update(fakes)
    try:
        yield
    finally:
        for name in fakes:
            del sys.modules[name]


def as_foreign(module):
    """Rebuild a model of ours from foreign classes and torch's own; tensors are shared."""
    if type(module).__module__.startswith("torch.nn") and not list(module.children()):
        return module
    foreign = Block((name, as_foreign(child)) for name, child in module.named_children())
    foreign._parameters.update(module._parameters)
    foreign._buffers.update(module._buffers)
    return foreign


def save_as_the_authors_do(path, model, *, names=None, model_key="model", zipped=True, **more):
    network = as_foreign(model).half()
    network.names = names
    with the_authors_modules(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Couldn't retrieve source code")  # the old format keeps sources
        content = {"epoch": -1, "model": None, "ema": None, **more, model_key: network}
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def write_archive(path, pickled, storages=None, compression=zipfile.ZIP_STORED):
    """Write a PyTorch archive by hand."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
    return path


def fill_by_rule(model):
    """Give every tensor values that any machine finds again: a sine along its numbers, wide enough to matter."""
    for number, (name, tensor) in enumerate(sorted(model.state_dict().items())):
        if name.endswith(("anchors", "num_batches_tracked")):
            continue
        wave = np.sin(np.arange(tensor.numel()) * 0.7 + number).reshape(tensor.shape)
        centre, width = (1.0, 0.3) if name.endswith(("bn.weight", "running_var")) else (0.0, 0.1)
        tensor.copy_(torch.from_numpy(centre + width * wave))
    return model


def image_by_rule(size):
    pixels = np.sin(np.arange(3 * size * size) * 0.013) / 2 + 0.5
    return torch.from_numpy(pixels).float().view(1, 3, size, size)
