"""The paper reports the checkpoint that scored best on the reported images: pages that show its scores say so."""

import pytest

from splitlab.budget.published import FLATTERED
from tests.ui.opened import open_page, texts


@pytest.mark.parametrize("page", ["home", "plan", "cost_against_ap", "equiscore", "few_shot", "paper", "lessons"])
def test_a_page_with_published_scores_says_that_they_are_flattered(page):
    assert FLATTERED in texts(open_page(page))


def test_cost_against_ap_says_nothing_of_published_scores_where_it_shows_none():
    app = open_page("cost_against_ap")
    app.button_group(key="groups").set_value([]).run()
    assert not app.exception
    assert FLATTERED not in texts(app)
