"""Datasets that can be downloaded by name: addresses and checksums."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from splitlab.data.archives import Limits, unpack
from splitlab.data.formats import pets, voc
from splitlab.errors import DataError, DownloadError
from splitlab.io import Progress, holding, make_folder, no_progress, written_whole

_DOWNLOADS = ".downloads"
_CHUNK_BYTES, _TIMEOUT_SECONDS = 1 << 18, 30.0

_OXFORD = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012"
_OXFORD_PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"


@dataclass(frozen=True)
class _KnownDataset:
    """A dataset that anybody may download."""

    title: str
    folder: str  # among the datasets of the workspace
    size_bytes: int  # of the download, roughly
    archives: dict[str, str]  # MD5 checksums by address, as in torchvision
    is_there: Callable[[Path], bool]


_KNOWN = {
    "voc2012": _KnownDataset(
        title=voc.NAME,
        folder="voc2012",
        size_bytes=2_000_000_000,
        archives={f"{_OXFORD}/VOCtrainval_11-May-2012.tar": "6cd6e144f989b92b3379bac3b3de84fd"},
        is_there=voc.is_voc_folder,
    ),
    "pets": _KnownDataset(
        title=pets.NAME,
        folder="oxford-iiit-pet",
        size_bytes=811_000_000,
        archives={
            f"{_OXFORD_PETS}/images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
            f"{_OXFORD_PETS}/annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
        },
        is_there=pets.is_pets_folder,
    ),
}


def get_dataset(name: str, data_dir: Path, progress: Progress = no_progress) -> Path:
    """Download and unpack a dataset unless it exists; return its folder.

    After Ctrl-C, the next call keeps complete archives and downloads the others again. Archives are removed once the
    folder is complete.

    Raises:
        DataError: the name is unknown, or the dataset needs an account.
        RunError: another process is downloading it, or the disk cannot be written.
        DownloadError: the server cannot be reached, an archive has another checksum or size, or the disk is full.
    """
    known = _known(name, data_dir)
    folder = data_dir / known.folder
    if known.is_there(folder):
        return folder
    downloads = data_dir / _DOWNLOADS / known.folder
    make_folder(downloads)
    with holding(Path(f"{downloads}.lock"), f"{downloads}: another process downloads there. Wait until it is done."):
        if folder.exists():
            raise DataError(f"{folder} exists, but is not a complete {known.title}. Move it away and try again.")
        archives = [_fetch(url, md5, downloads, 2 * known.size_bytes, progress) for url, md5 in known.archives.items()]
        _unpack_into(folder, archives, known)
        shutil.rmtree(downloads, ignore_errors=True)
    return folder


def _known(name: str, data_dir: Path) -> _KnownDataset:
    if name == "cityscapes":
        raise DataError(
            "Cityscapes needs an account: register at https://www.cityscapes-dataset.com, download "
            "leftImg8bit_trainvaltest.zip (11 GB) and gtFine_trainvaltest.zip (241 MB), and unpack both in "
            f"{data_dir / 'cityscapes'}, so that it contains leftImg8bit/ and gtFine/."
        )
    if name not in _KNOWN:
        raise DataError(f"The dataset '{name}' cannot be downloaded. Choose {', '.join(_KNOWN)} or cityscapes.")
    return _KNOWN[name]


def _unpack_into(folder: Path, archives: list[Path], known: _KnownDataset) -> None:
    limits = Limits(total_bytes=3 * known.size_bytes)
    with written_whole(folder) as draft:
        for archive in archives:
            piece = unpack(archive, draft / ".piece", limits)
            for path in piece.iterdir():
                path.rename(draft / path.name)
            piece.rmdir()
        if not known.is_there(draft):
            raise DataError(f"{archives[0]} does not hold {known.title} as SplitLab reads it. Unpack it by hand.")


def _fetch(url: str, md5: str, downloads: Path, max_bytes: int, progress: Progress) -> Path:
    """Download an archive unless it exists with the right checksum."""
    import pooch
    from requests.exceptions import RequestException

    name = url.rsplit("/", 1)[-1]

    def save(url: str, file: str, _pooch: object) -> None:
        _save(url, Path(file), max_bytes, partial(progress, name))

    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(pooch.retrieve(url, f"md5:{md5}", name, downloads, downloader=save))
    except RequestException as error:
        # The server's own text is left out: it may contain control characters.
        why = type(error).__name__ if error.response is None else f"the server answers {error.response.status_code}"
        raise DownloadError(
            f"{url} cannot be downloaded now ({why}). Check the network connection and try again."
        ) from error
    except ValueError as error:
        raise DownloadError(
            f"{url} gives another file than the one with the MD5 checksum {md5}: removed. Try again; if that fails, "
            "the file has changed on the server."
        ) from error
    except OSError as error:
        raise DownloadError(
            f"{downloads}: cannot be written ({error.strerror or error}). Free some space or choose another workspace."
        ) from error


def _save(url: str, file: Path, max_bytes: int, progress: Callable[[int, int], None]) -> None:
    """Save the response of an address, up to a size; pooch's own downloader has no limit."""
    import requests

    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response, file.open("wb") as out:
        response.raise_for_status()
        done, total = 0, response.raw.length_remaining or 0
        for chunk in response.iter_content(_CHUNK_BYTES):
            done += len(chunk)
            if max(done, total) > max_bytes:
                raise DownloadError(f"{url} is over the {max_bytes} bytes expected: it is another file. Stopped.")
            out.write(chunk)
            progress(done, total)
