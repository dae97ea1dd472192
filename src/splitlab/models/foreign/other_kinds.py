"""Files that are no PyTorch weights, told by their content: what each is, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Collection

START_BYTES = 512
_GIVE = "give the .pt or .pth file"
_TEXT_CONTROLS = b"\t\n\r\f"


def kind_by_start(start: bytes) -> str | None:
    """Return what a file is that starts with these bytes (at most `START_BYTES`), and what to do; None if unknown.

    The text continues the file's name and a colon.
    """
    return next((told for is_this, told in _STARTS if is_this(start)), None)


def kind_by_members(names: Collection[str]) -> str | None:
    """Return what a zip with these members is, and what to do; None if it may be a PyTorch file."""
    last_parts = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in last_parts or any("/code/" in name for name in names):
        return (
            "it is a TorchScript file, an export that holds a program; " + _GIVE + " that it was made from, such as "
            "best.pt"
        )
    if "data.pkl" in last_parts:
        return None
    if "card.json" in last_parts:
        return "it is a zip with a checkpoint of SplitLab; give it a name that ends in .zip"
    if "model.weights.h5" in last_parts:
        return _KERAS
    if any(name.endswith(".npy") for name in names):
        return f"it is an archive of NumPy arrays; {_GIVE} that they come from"
    if any(name.endswith((".pt", ".pth")) for name in names):
        return f"it is a zip archive with other files in it; unpack it and {_GIVE} inside"
    return f"it is a zip archive, not a PyTorch file (it has no data.pkl); {_GIVE}"


_KERAS = f"it is a file of Keras or TensorFlow; {_GIVE} of a PyTorch model"


def _starts_with(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(beginnings)


def _is_web_page(start: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith((b"<!doctype html", b"<html", b"<head"))


def _is_safetensors(start: bytes) -> bool:
    # Eight bytes for the length of the header, which is JSON.
    return start[8:10] in (b'{"', b"{ ", b"{}") and int.from_bytes(start[:8], "little") < 2**32


def _is_onnx(start: bytes) -> bool:
    # A protobuf that starts with `ir_version`, then the producer's name, its version, or the graph.
    return len(start) > 2 and start[0] == 0x08 and 3 <= start[1] <= 20 and start[2] in (0x12, 0x1A, 0x3A, 0x42)


def _is_text(start: bytes) -> bool:
    text = start.translate(None, _TEXT_CONTROLS)
    return bool(text) and all(0x20 <= byte < 0x7F for byte in text)


_STARTS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda start: not start, "it is empty; download it again from its source"),
    (
        _starts_with(b"version https://git-lfs.github.com/spec/"),
        "it is a Git LFS pointer, which stands for the weights; fetch them with `git lfs pull`, or download the file "
        "itself",
    ),
    (_is_web_page, "it is a web page, not weights; download the file again, with the link of the file itself"),
    (_starts_with(b"\x89HDF\r\n\x1a\n"), _KERAS),
    (lambda start: start[4:8] == b"TFL3", f"it is a TensorFlow Lite file; {_GIVE} of a PyTorch model"),
    (
        _is_safetensors,
        f"it is a safetensors file, which does not say what its weights are; {_GIVE} of the model, or a folder or zip "
        "of SplitLab",
    ),
    (_is_onnx, f"it is an ONNX file, an export that cannot be trained; {_GIVE} that it was made from, such as best.pt"),
    (
        _starts_with(b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\x00"),
        f"it is a compressed archive; unpack it and {_GIVE} inside",
    ),
    (_is_text, "it is a text, not weights; download the file again from its source"),
)
