"""The Streamlit app: one module or package for each page, and the widgets that pages share.

- `navigation`: the menu, the links between pages and the head of a page; `hosting`: what a public app may do
- `home`, `plan`, `equiscore`, `paper`, `train`, `few_shot`, `documentation`: one page each
- `assist`, `compare`, `cost`, `data`, `errors`, `runs`, `lessons`, `stopwatch`: pages of several modules
- `widgets`: what more than one page shows

The files in `pages/` at the top of the repository call `show_page` of these modules.
"""
