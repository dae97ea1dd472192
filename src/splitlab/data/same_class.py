"""Which class names mean the same: names that differ in case, blanks, hyphens or plural, and known synonyms."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from splitlab.data.class_tables import UNUSED

# Singular, and written as `_letters` gives them; each group goes by its first name.
_SYNONYMS = (
    ("airplane", "aeroplane", "plane"),
    ("motorcycle", "motorbike"),
    ("tv", "tvmonitor", "television"),
    ("couch", "sofa"),
    ("person", "people", "human"),
    ("pottedplant", "houseplant"),
    ("cellphone", "mobilephone"),
    ("hairdrier", "hairdryer"),
    ("donut", "doughnut"),
    ("refrigerator", "fridge"),
    ("microwave", "microwaveoven"),
    ("mouse", "computermouse"),
    ("keyboard", "computerkeyboard"),
    ("remote", "remotecontrol"),
    ("truck", "lorry"),
)
_FIRST_OF = {name: group[0] for group in _SYNONYMS for name in group}
# A plural of fewer letters is more likely a short word of its own, such as "bus".
_SHORTEST_PLURAL = 4


def same_classes(names: Sequence[str], others: Sequence[str]) -> list[int | None]:
    """Find for each name the class that means the same, by its place in `others`.

    The very name comes first, then one of the same letters and digits, then a plural or a synonym. None where nothing
    fits, or where two fit equally well.
    """
    by_form = [_places_by_form(others, forms) for forms in _FORMS]
    return [_find(name, by_form) for name in names]


def _find(name: str, by_form: Sequence[dict[str, set[int]]]) -> int | None:
    if name == UNUSED:
        return None
    for forms, places in zip(_FORMS, by_form, strict=True):
        found = set[int]().union(*(places.get(form, ()) for form in forms(name)))
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _places_by_form(names: Sequence[str], forms: Callable[[str], set[str]]) -> dict[str, set[int]]:
    places: dict[str, set[int]] = defaultdict(set)
    for place, name in enumerate(names):
        for form in forms(name):
            places[form].add(place)
    return dict(places)


def _itself(name: str) -> set[str]:
    return {name}


def _letters(name: str) -> set[str]:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return {letters} if (letters := "".join(letter for letter in folded if letter.isalnum())) else set()


def _meanings(name: str) -> set[str]:
    return {_FIRST_OF.get(form, form) for letters in _letters(name) for form in (letters, *_singulars(letters))}


def _singulars(letters: str) -> Iterator[str]:
    """Yield what `letters` may be the plural of: English has no rule that tells."""
    if len(letters) < _SHORTEST_PLURAL or not letters.endswith("s"):
        return
    yield letters.removesuffix("s")
    if letters.endswith(("ses", "xes", "zes", "ches", "shes")):
        yield letters.removesuffix("es")
    if letters.endswith("ies"):
        yield letters.removesuffix("ies") + "y"


_FORMS: tuple[Callable[[str], set[str]], ...] = (_itself, _letters, _meanings)
