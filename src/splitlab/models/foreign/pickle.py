"""Read the pickles of PyTorch files without importing or calling anything they name.

A pickle is a program that names Python objects and calls them. Here, each name is replaced by an inert stand-in or
refused, so a pickle can reach nothing that acts. For this, no stand-in may have a `__dict__` (a pickle can write to
it), a `__setstate__` that changes anything but itself, or attributes that can be set.
"""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

# numpy dtypes of torch's storage classes; numpy has no bfloat16.
BFLOAT16 = "bfloat16"
_STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_INERT_PACKAGES = ("models", "ultralytics", "utils", "yolov5", "torch.nn", "torchvision.transforms")
_INERT_NAMES = frozenset(
    {
        "argparse.Namespace",
        "builtins.getattr",  # pickles a bound method; the authors' heads keep one
        "builtins.slice",
        "_codecs.encode",
        "collections.Counter",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        *(
            f"{module}.{name}"
            for module in ("numpy.core.multiarray", "numpy._core.multiarray")
            for name in ("scalar", "_reconstruct")
        ),
        "numpy.dtype",
        "numpy.ndarray",
        *(f"pathlib.{flavour}{system}Path" for flavour in ("", "Pure") for system in ("", "Posix", "Windows")),
        "torch.device",
        *(f"torch.{name}" for name in ("float16", "float32", "float64", "bfloat16", "int64", "int32", "uint8", "bool")),
    }
)
_PYTHON_2_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class RefusedError(Exception):
    """A file is refused; the text continues the file's name and a colon."""


class _StorageType(NamedTuple):
    """A storage class of torch as the numpy dtype it holds."""

    dtype: str


class _Storage(NamedTuple):
    """A run of numbers elsewhere in the file."""

    dtype: str
    key: str
    length: int


class TensorRecord(NamedTuple):
    """The location of a tensor's numbers, unchecked and unread."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Inert:
    """Stands for an object of a foreign class; has its attributes but not its behaviour."""

    __slots__ = ("attributes",)
    class_name = "object"

    def __new__(cls, *_: object, **__: object) -> Inert:
        """Ignore all arguments."""
        inert = super().__new__(cls)
        inert.attributes = {}
        return inert

    attributes: dict[Any, Any]

    def __setstate__(self, state: object) -> None:
        """Keep the attributes of a state; a pair is a `__dict__` and the slots."""
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                dict.update(self.attributes, part)


class _PlainDict(dict[Any, Any]):
    """Stands for OrderedDict; keeps the items and drops attributes such as a state dict's `_metadata`."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Drop the attributes."""


class _RebuildTensor:
    __slots__ = ()

    def __call__(self, storage: object, offset: object, shape: object, strides: object, *_: object) -> TensorRecord:
        """Record where the tensor's numbers are."""
        if not isinstance(storage, _Storage) or not isinstance(offset, int):
            raise RefusedError("it is broken: a tensor has no storage")
        return TensorRecord(storage, offset, _whole_numbers(shape), _whole_numbers(strides))


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, tensor: object, *_: object) -> object:
        """Return the parameter's tensor."""
        return tensor


_ACTIVE: dict[str, Any] = {
    "torch._utils._rebuild_tensor_v2": _RebuildTensor(),
    "torch._utils._rebuild_parameter": _RebuildParameter(),
    "torch._utils._rebuild_parameter_with_state": _RebuildParameter(),
    "torch.Size": tuple,
    "builtins.set": list,
    "builtins.frozenset": list,
    "collections.OrderedDict": _PlainDict,
    **{f"torch.{name}": _StorageType(dtype) for name, dtype in _STORAGE_DTYPES.items()},
}


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that replaces every name by a stand-in."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Return the stand-in for a name."""
        full_name = f"{_PYTHON_2_MODULES.get(module, module)}.{name}"
        if full_name in _ACTIVE:
            return _ACTIVE[full_name]
        if full_name in _INERT_NAMES or f"{module}.".startswith(tuple(f"{package}." for package in _INERT_PACKAGES)):
            return type("Inert", (Inert,), {"__slots__": (), "class_name": full_name})
        raise RefusedError(f"it uses {full_name[:80]!r}, which weights do not need")

    def persistent_load(self, pid: Any, /) -> Any:
        """Record a storage, or return the class from the old format's record of a module."""
        match pid:
            case ("storage", _StorageType(dtype), str(key), str(), int(length), *rest) if rest in ([], [None]):
                return _Storage(dtype, key, length)
            case ("module", type() as inert, *_) if issubclass(inert, Inert):
                return inert
        raise RefusedError("it refers to something that is not a storage of numbers")


def _whole_numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(type(value) is int and value >= 0 for value in values):
        raise RefusedError(f"it has a tensor of shape or strides {str(values)[:80]}")
    return values
