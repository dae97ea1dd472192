"""The images behind a number of the page, and the report to download."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from splitlab.app.navigation import errors_shown
from splitlab.app.widgets.links import asked_by_link, write_link
from splitlab.app.widgets.text import as_plain
from splitlab.data.dataset import ImageId
from splitlab.evaluation.comparison import ComparedModel, CompareSettings, Comparison
from splitlab.evaluation.disagreement import SeenBy, objects_seen
from splitlab.evaluation.matches import MEANINGS, NO_MATCH, ErrorKind
from splitlab.figures.compare_report import report_html
from splitlab.figures.comparison_tables import all_tables
from splitlab.figures.object_pictures import Picture, model_picture, truth_picture

OF, KIND, TRUTH, SAID, _PAGE = "of", "kind", "truth", "said", "page"
_MISTAKES, PAIRS = "every mistake", "as the confusion chart counts"
_ANY, SOMETHING, NOTHING = "any", "something", "nothing"
_SEEN_KINDS = {f"seen by {each.value}": each for each in SeenBy}
_KINDS = [_MISTAKES, *(kind.value for kind in ErrorKind), PAIRS, *_SEEN_KINDS]
_IMAGES_A_PAGE = 6
_Link = Mapping[str, str | list[str]]
_COLUMNS = 2


def ask_for(**wanted: str) -> None:
    """Show these images when the page is drawn next; what is not given is set to any."""
    start = {KIND: _MISTAKES, TRUTH: _ANY, SAID: _ANY}
    for key, value in {**start, **wanted}.items():
        st.session_state[key] = value
    _turn_to_first_page()


def select_linked_model(names: Mapping[str, str]) -> str:
    """Select the model that the link asks for, write the selected one to the link, and return its short name.

    Args:
        names: Short names by the checkpoints' names, which are in the link; at least one.
    """
    if asked := asked_by_link(OF, names):
        st.session_state[OF] = names[asked[0]]
    if st.session_state.get(OF) not in names.values():
        st.session_state[OF] = next(iter(names.values()))
    short: str = st.session_state[OF]
    write_link(OF, [name for name, other in names.items() if other == short])
    return short


def images_behind(comparison: Comparison, link: _Link) -> None:
    """Show controls that select mistakes, and the images with these mistakes.

    Args:
        comparison: One or more models.
        link: Parameters of a link to Compare masks, except the image.
    """
    model, rows = _choose(comparison)
    images = rows["image_id"].value_counts(sort=True).index.tolist() if len(rows) else []
    if not images:
        st.info("No image has such a mistake. Choose another kind, or 'any' for the classes.")
        return
    st.caption(f"{len(rows):,} in {len(images):,} image{'s' if len(images) != 1 else ''}, most mistakes first.")
    pages = -(-len(images) // _IMAGES_A_PAGE)
    page = 1
    if pages > 1:
        if st.session_state.get(_PAGE, 1) > pages:
            _turn_to_first_page()
        page = st.pagination(pages, key=_PAGE, bind="query-params")
    shown = images[(page - 1) * _IMAGES_A_PAGE : page * _IMAGES_A_PAGE]
    for start in range(0, len(shown), _COLUMNS):
        for column, image_id in zip(st.columns(_COLUMNS), shown[start : start + _COLUMNS], strict=False):
            with column, errors_shown():
                _show(comparison, model, image_id, rows, link)


def _turn_to_first_page() -> None:
    # If it were deleted instead, the old page would be read from the link again.
    st.session_state[_PAGE] = 1


def _choose(comparison: Comparison) -> tuple[ComparedModel, pd.DataFrame]:
    names = list(comparison.dataset.class_names)
    by_name = {model.name: model for model in comparison.models}
    classes = [_ANY, SOMETHING, *names, NOTHING]
    for key in (TRUTH, SAID):
        if st.session_state.get(key, _ANY) not in classes:
            st.session_state[key] = _ANY
    columns = st.columns(4)
    first = _turn_to_first_page
    of = columns[0].selectbox("Model", list(by_name), key=OF, on_change=first)
    kind = columns[1].selectbox("Kind", _KINDS, key=KIND, bind="query-params", help=_kinds_explained(), on_change=first)
    truth = columns[2].selectbox("Ground truth", classes, key=TRUTH, bind="query-params", on_change=first)
    said = columns[3].selectbox("Prediction", classes, key=SAID, bind="query-params", on_change=first)
    model = by_name[of]
    rows = _of_kind(comparison, model, kind)
    rows = _of_class(rows, "truth_class", truth, names)
    return model, _of_class(rows, "predicted_class" if kind == PAIRS else "class", said, names)


def _kinds_explained() -> str:
    return "  \n".join(f"**{kind.value}**: {meaning}" for kind, meaning in MEANINGS.items())


def _of_kind(comparison: Comparison, model: ComparedModel, kind: str) -> pd.DataFrame:
    if kind in _SEEN_KINDS:
        rows = objects_seen(comparison.ranking)
        rows = rows[rows["seen_by"] == _SEEN_KINDS[kind]]
        return rows.assign(**{"class": [said.get(model.name, NO_MATCH) for said in rows["said"]]})
    errors = model.mistakes.errors
    if kind == PAIRS:
        return model.mistakes.pairs
    return errors[errors["kind"] != ErrorKind.FOUND] if kind == _MISTAKES else errors[errors["kind"] == kind]


def _of_class(rows: pd.DataFrame, column: str, chosen: str, names: Sequence[str]) -> pd.DataFrame:
    if chosen == _ANY:
        return rows
    if chosen == SOMETHING:
        return rows[rows[column] != NO_MATCH]
    return rows[rows[column] == (NO_MATCH if chosen == NOTHING else names.index(chosen))]


def _show(
    comparison: Comparison,
    model: ComparedModel,
    image_id: ImageId,
    rows: pd.DataFrame,
    link: _Link,
) -> None:
    left, right = st.columns(2, gap="small")
    labels = comparison.dataset.source_hash
    truth = _truth_picture(labels, image_id, comparison)
    of_map = "" if model.seen.classes is None else model.seen.classes.key
    weights = f"{model.seen.weights_hash} {of_map}"
    seen = _model_picture(labels, image_id, weights, comparison.settings, comparison, model)
    left.image(truth, width="stretch", alt=f"{image_id} with its labels")
    right.image(seen, width="stretch", alt=f"{image_id} with what {model.name} finds")
    own = rows[rows["image_id"] == image_id]
    kinds = own["kind"].value_counts() if "kind" in own else {"object" if "said" in own else "pair": len(own)}
    words = ", ".join(f"{count} {getattr(kind, 'value', kind)}" for kind, count in kinds.items())
    st.caption(f"Ground truth and {as_plain(model.name)} · {as_plain(str(image_id))}: {words}")
    st.page_link(
        "pages/compare_masks.py",
        label="Look closer",
        icon=":material/zoom_in:",
        query_params={**link, "image": str(image_id)},
    )


def offer_report(comparison: Comparison) -> None:
    """Offer a report and tables to download; they are made when asked for."""
    with st.container(horizontal=True):
        st.download_button(
            "Report",
            lambda: report_html(comparison).encode(),
            f"splitlab-{comparison.dataset.name}.html",
            "text/html",
            icon=":material/description:",
            help="One HTML file with pictures, tables and settings.",
            on_click="ignore",
        )
        st.download_button(
            "Tables as CSV",
            lambda: _zipped(comparison),
            f"splitlab-{comparison.dataset.name}.zip",
            "application/zip",
            icon=":material/table:",
            on_click="ignore",
        )


def _zipped(comparison: Comparison) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in all_tables(comparison).items():
            archive.writestr(f"{name}.csv", table.to_csv(index=False))
    return buffer.getvalue()


# A page of twelve pictures is drawn again at every click. A photo may have some megapixels; a picture takes 0.7 MB.
@st.cache_resource(show_spinner=False, max_entries=64, ttl=600)
def _truth_picture(labels: str, image_id: ImageId, _comparison: Comparison) -> Picture:
    return truth_picture(_comparison, image_id)


@st.cache_resource(show_spinner=False, max_entries=64, ttl=600)
def _model_picture(
    labels: str,
    image_id: ImageId,
    weights: str,
    settings: CompareSettings,
    _comparison: Comparison,
    _model: ComparedModel,
) -> Picture:
    return model_picture(_comparison, _model, image_id)
