"""Self-contained HTML files without scripts, fonts or pictures from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from splitlab.shown_numbers import shown

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #8885}
th:first-child,td:first-child{text-align:left}
.wide{overflow-x:auto}.bar{display:flex;height:1rem;margin:.2rem 0 .8rem;background:#8882}
.row{display:flex;flex-wrap:wrap;gap:.6rem;margin-bottom:.4rem}figure{margin:0;flex:1 1 14rem;max-width:24rem}
img{width:100%;display:block;border-radius:.3rem}figcaption,small{opacity:.8;font-size:.85rem}
.key{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin:0 .3rem 0 .9rem}
code{overflow-wrap:anywhere}
"""


def html_page(title: str, body: Sequence[str]) -> str:
    """Return a whole page; its policy lets a browser load nothing but the pictures in it.

    Args:
        title: plain text.
        body: HTML in which names from files are escaped.
    """
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'\"><title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>"
    )


def html_table(table: pd.DataFrame) -> str:
    """Return a table whose cells are escaped; floats have one decimal place, missing values a dash."""
    head = "".join(f"<th>{escape(str(column))}</th>" for column in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(value))}</td>' for value in row)}</tr>"
        for row in table.itertuples(index=False, name=None)
    )
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    return shown(value) if isinstance(value, float) else str(value)
