"""Pages opened in Streamlit's own AppTest, by app.py as a browser does."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from splitlab.app.lessons.page import _LESSONS

ROOT = Path(__file__).parents[2]


def open_page(name, **parameters):
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for key, value in parameters.items():
        app.query_params[key] = value
    app.run()
    if name != "home":  # what the app opens with
        app.switch_page(f"pages/{name}.py").run()
    assert not app.exception
    return app


def go_to(app, page):
    """Open another page as the menu does."""
    app.query_params.clear()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception


def texts(app):
    return " ".join(element.value for kind in (app.markdown, app.caption, app.subheader, app.info) for element in kind)


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def looked_at(name, **parameters):
    app = open_page(name, **parameters)
    app.button(key="look").click().run()
    assert not app.exception
    return app


def paragraph(number, screen, need, values):
    """The one paragraph of a lesson's screen that needs something, with its values."""
    (block,) = (block for block in _LESSONS[number - 1].screens[screen - 1].blocks if need in block.needs)
    return block.filled(values)


def verdict_in_words(number, verdict, **values):
    """What a verdict says on the last screen of a lesson."""
    return paragraph(number, 0, verdict.tag, {**verdict.values, **values})
