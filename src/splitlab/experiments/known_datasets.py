"""Data sets that can be fetched by name, from where torchvision knows them to be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from splitlab.data.formats import pets, voc
from splitlab.data.incoming.archives import Limits, unpack
from splitlab.data.new_folder import written_whole
from splitlab.data.progress import Progress, no_progress
from splitlab.download import Checksum, download
from splitlab.errors import DataError

DOWNLOADS = ".downloads"


@dataclass(frozen=True)
class Resource:
    """One archive of a data set.

    Attributes:
        url: where it lies.
        md5: hexadecimal checksum of the archive.
    """

    url: str
    md5: str

    @property
    def file_name(self) -> str:
        """The archive's own name, the last part of its address."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class KnownDataset:
    """A data set that anybody may download.

    Attributes:
        title: what people call it.
        folder: its folder in the work space's folder of data sets.
        size_bytes: how much comes over the network, roughly.
        licence: under which terms it may be used.
        find_resources: asks torchvision for the archives; loads torch, so only when they are wanted.
        is_there: says whether a folder holds it, as its reader wants it.
    """

    title: str
    folder: str
    size_bytes: int
    licence: str
    find_resources: Callable[[], tuple[Resource, ...]]
    is_there: Callable[[Path], bool]


def _voc2012_resources() -> tuple[Resource, ...]:
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    year = DATASET_YEAR_DICT["2012"]
    return (Resource(year["url"], year["md5"]),)


def _pets_resources() -> tuple[Resource, ...]:
    from torchvision.datasets import OxfordIIITPet

    return tuple(Resource(url, md5) for url, md5 in OxfordIIITPet._RESOURCES)


KNOWN = {
    "voc2012": KnownDataset(
        title=voc.NAME,
        folder="voc2012",
        size_bytes=2_000_000_000,
        licence=voc.LICENCE,
        find_resources=_voc2012_resources,
        is_there=voc.is_voc_folder,
    ),
    "pets": KnownDataset(
        title=pets.NAME,
        folder="oxford-iiit-pet",
        size_bytes=811_000_000,
        licence=pets.LICENCE,
        find_resources=_pets_resources,
        is_there=pets.is_pets_folder,
    ),
}


def get_dataset(name: str, data_dir: Path, progress: Progress = no_progress) -> Path:
    """Download and unpack a data set unless it is there; return its folder.

    After a break or Ctrl-C, the next call goes on with what has come. The archives are removed once the folder is
    whole.

    Args:
        name: a key of `KNOWN`.
        data_dir: the work space's folder of data sets.
        progress: told (archive, bytes there, bytes in all).

    Raises:
        DataError: the name is unknown or needs an account, or another process is at it.
        DownloadError: the server cannot be reached, an archive is not what it should be, or the disk is full.
    """
    known = _known(name, data_dir)
    folder = data_dir / known.folder
    if known.is_there(folder):
        return folder
    downloads = data_dir / DOWNLOADS / known.folder
    with _lock(downloads):
        if folder.exists():
            raise DataError(f"{folder} is there, but is no whole {known.title}. Move it away and try again.")
        archives = [_fetch(known, resource, downloads, progress) for resource in _resources(known)]
        _unpack_into(folder, archives, known)
        shutil.rmtree(downloads, ignore_errors=True)
    return folder


def _known(name: str, data_dir: Path) -> KnownDataset:
    if name == "cityscapes":
        raise DataError(
            "Cityscapes needs an account: register at https://www.cityscapes-dataset.com, download "
            "leftImg8bit_trainvaltest.zip (11 GB) and gtFine_trainvaltest.zip (241 MB), and unpack both in "
            f"{data_dir / 'cityscapes'}, so that leftImg8bit/ and gtFine/ lie there."
        )
    if name not in KNOWN:
        raise DataError(f"There is no data set '{name}' to download. Take {', '.join(KNOWN)} or cityscapes.")
    return KNOWN[name]


def _resources(known: KnownDataset) -> tuple[Resource, ...]:
    try:
        return known.find_resources()
    except (ImportError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"The installed torchvision does not say where {known.title} is ({type(error).__name__}: {error}). "
            "Install torchvision 0.29, which does."
        ) from error


def _lock(downloads: Path) -> AbstractContextManager[object]:
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{downloads}.lock", timeout=0).acquire()
    except Timeout as error:
        raise DataError(f"{downloads}: another process downloads there. Wait until it is done.") from error
    except OSError as error:
        raise DataError(f"{downloads}: cannot be written ({error}). Choose another work space.") from error


def _fetch(known: KnownDataset, resource: Resource, downloads: Path, progress: Progress) -> Path:
    return download(
        resource.url,
        downloads / resource.file_name,
        Checksum("md5", resource.md5),
        lambda done, total: progress(resource.file_name, done, total),
        max_bytes=2 * known.size_bytes,
    )


def _unpack_into(folder: Path, archives: list[Path], known: KnownDataset) -> None:
    limits = Limits(total_bytes=3 * known.size_bytes)
    with written_whole(folder) as draft:
        for archive in archives:
            piece = unpack(archive, draft / ".piece", limits)
            for path in piece.iterdir():
                path.rename(draft / path.name)
            piece.rmdir()
        if not known.is_there(draft):
            raise DataError(f"{archives[0]} does not hold {known.title} as SplitLab reads it. Unpack it by hand.")
