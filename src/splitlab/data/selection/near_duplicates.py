"""Photos that show nearly the same: copies saved again, frames of one video, versions that tools make of one photo."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from splitlab.data.dataset import ImageId, ImageLabels
from splitlab.data.selection.photo_hashes import HASH_BYTES, LOW_BITS, read_photo_hashes
from splitlab.io import Progress, no_progress

Groups = tuple[tuple[ImageId, ...], ...]
"""Groups of two or more images that are near-duplicates, each in the order of its ids. Other images are in none."""

# The most bits in which near-duplicates differ: of a whole hash, and of its first 64 (docs/decisions/0307).
_MOST_BITS, _MOST_LOW_BITS = 64, 9

# Roboflow exports each photo several times, as cat_jpg.rf.<32 letters>.jpg.
_ROBOFLOW = re.compile(r"(?P<source>.+)\.rf\.[0-9A-Za-z]{20,40}\.\w+")

_Hashes = NDArray[np.uint64]
_Indices = NDArray[np.intp]


def find_near_duplicates(
    images: Sequence[ImageLabels], root: Path, index_dir: Path, progress: Progress = no_progress
) -> Groups:
    """Find groups of near-duplicates by the photos' looks and names. Near-duplicates of one photo are in one group.

    Photos that cannot be read are compared by their names alone.

    Args:
        images: of one subset; their ids differ.
        root: the dataset's folder, which has all photos.
        index_dir: the folder of an index of the photos' hashes, created if missing.
        progress: called after every photo that is opened.
    """
    images = sorted(images, key=lambda image: str(image.image_id))
    hashes = read_photo_hashes([image.path for image in images], root, index_dir, progress)
    readable = np.array([number for number, known in enumerate(hashes) if known], np.intp)
    words = np.frombuffer(b"".join(known for known in hashes if known), "<u8").reshape(-1, HASH_BYTES // 8)
    links = [*_links_by_name(images), *(readable[link] for link in near_links(words.astype(np.uint64)))]
    return _joined([image.image_id for image in images], links)


def near_links(hashes: _Hashes) -> list[_Indices]:
    """Return links (2, L) between rows of (N, 4) hashes that join all near-duplicates, if not each two of them.

    Hashes that differ in at most 9 of 64 bits have one of 10 pieces of them in common. So rows are compared only with
    those that share a piece, about N / 80 for photos that differ.
    """
    links: list[_Indices] = []
    words = np.ascontiguousarray(hashes.T)
    edges = np.linspace(0, LOW_BITS, _MOST_LOW_BITS + 2).astype(np.uint64)
    for start, end in pairwise(edges):
        pieces = (words[0] >> start) & ((np.uint64(1) << (end - start)) - np.uint64(1))
        order = np.argsort(pieces, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(pieces[order])) + 1):
            links += _links_in(bucket, words)
    return links


def _links_in(bucket: _Indices, words: _Hashes) -> Iterator[_Indices]:
    """Yield links that join all near-duplicates in a bucket.

    A row that is reached is later compared with those that are not reached yet: a bucket of photos that all look alike
    takes as many comparisons as it has rows, not their square.
    """
    reached: list[int] = []
    waiting, low = bucket, words[0, bucket]
    while waiting.size:
        if not reached:
            reached, waiting, low = [int(waiting[0])], waiting[1:], low[1:]
        row = reached.pop()
        places = np.flatnonzero(np.bitwise_count(low ^ words[0, row]) <= _MOST_LOW_BITS)
        if places.size:
            places = places[_bits_apart(words, row, waiting[places]) <= _MOST_BITS]
        if places.size:
            near = waiting[places]
            reached += near.tolist()
            waiting, low = np.delete(waiting, places), np.delete(low, places)
            yield np.stack([np.full_like(near, row), near])


def _bits_apart(words: _Hashes, row: int, others: _Indices) -> NDArray[np.uint16]:
    # Word by word, which is ten times faster than all at once.
    apart = np.zeros(len(others), np.uint16)
    for word in words:
        apart += np.bitwise_count(word[others] ^ word[row])
    return apart


def _links_by_name(images: Sequence[ImageLabels]) -> Iterator[_Indices]:
    copies: dict[tuple[Path, str], list[int]] = defaultdict(list)
    for number, image in enumerate(images):
        name = _ROBOFLOW.fullmatch(image.path.name)
        if name:
            copies[image.path.parent, name["source"]].append(number)
    for numbers in copies.values():
        yield np.array([numbers[:-1], numbers[1:]], np.intp)


def _joined(ids: Sequence[ImageId], links: Sequence[_Indices]) -> Groups:
    rows, columns = np.concatenate([np.empty((2, 0), np.intp), *links], axis=1)
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(len(ids), len(ids)))
    labels = connected_components(graph, directed=False)[1]
    groups: dict[int, list[ImageId]] = defaultdict(list)
    for image_id, label in zip(ids, labels.tolist(), strict=True):
        groups[label].append(image_id)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
