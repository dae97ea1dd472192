"""About the paper: a card for each claim, whose rows and verdicts a link can ask for."""

import dataclasses
import io
import json
import shutil
from collections import Counter
from typing import get_args

import pandas as pd
from typer.testing import CliRunner

from splitlab.app.paper import _LOOKS, _claims_table
from splitlab.app.widgets.text import as_plain
from splitlab.atlas.rows import _rows_as_csv
from splitlab.atlas.tables import _CHECKS
from splitlab.budget.claims import paper_claims
from splitlab.budget.claims.claim import Verdict
from splitlab.cli import main as cli
from splitlab.workspace import Workspace
from tests.ui.opened import open_page, texts


def rows_buttons(app):
    return [button for button in app.button if button.key and button.key.startswith("rows ")]


def test_every_claim_of_the_paper_has_a_card_with_its_figures():
    app = open_page("paper")
    claims = paper_claims()
    assert {as_plain(claim.statement) for claim in claims} <= {text.value for text in app.markdown}
    assert {as_plain(claim.finding) for claim in claims} <= {text.value for text in app.caption}
    assert len(rows_buttons(app)) == sum(len(claim.rows) > 0 for claim in claims)
    assert not app.dataframe


def test_a_button_shows_the_rows_of_its_claim_and_the_link_says_so():
    app = open_page("paper")
    app.button(key="rows observation-1").click().run()
    (rows,) = app.dataframe
    (claim,) = [claim for claim in paper_claims() if claim.key == "observation-1"]
    assert len(rows.value) == len(claim.rows)
    assert app.query_params["claim"] == "observation-1"
    app.button(key="rows observation-1").click().run()
    assert not app.dataframe
    assert "claim" not in app.query_params


def test_a_link_opens_a_claim_and_picks_verdicts():
    app = open_page("paper", claim="observation-3", verdicts="holds but for")
    assert len(app.dataframe) == 1
    wanted = [claim for claim in paper_claims() if claim.verdict == "holds but for" and len(claim.rows)]
    assert [button.key for button in rows_buttons(app)] == [f"rows {claim.key}" for claim in wanted]


def test_a_link_to_what_is_not_there_shows_everything():
    app = open_page("paper", claim="observation-99", verdicts="maybe", against="nowhere")
    assert not app.exception
    assert not app.dataframe
    assert len(rows_buttons(app)) > 20


def test_our_own_runs_are_held_against_the_paper(atlas):
    app = open_page("paper", against="tiny")
    assert not app.error
    assert len(rows_buttons(app)) == len(_CHECKS)
    assert "Observation 7." in texts(app)
    app.selectbox(key="by").set_value("ap50").run()
    assert "AP50" in texts(app)
    assert (app.query_params["against"], app.query_params["by"]) == ("tiny", "ap50")


def measure_street(atlas):
    """Put a second atlas beside the first: the same rows under another name."""
    measured = Workspace.here().measured
    shutil.copytree(measured / "tiny", measured / "street")
    rows = [dataclasses.replace(row, dataset="street") for row in atlas]
    (measured / "street.csv").write_text(_rows_as_csv(rows))


def test_street_goes_by_the_score_that_was_fixed_before_and_the_control_says_so(atlas):
    measure_street(atlas)
    app = open_page("paper", against="street")
    assert not app.error
    assert app.selectbox(key="by").value == "ap50"
    assert [name for name in app.selectbox(key="by").options if "fixed before" in name] == ["AP50, fixed before"]
    words = ["claims", "--measured", "--dataset", "street", "--json"]
    told = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    findings = {row["key"]: row["finding"] for row in json.loads(told.stdout)}
    assert "with AP50" in findings["advice-6h"]
    assert findings["advice-6h"].endswith("That split was not trained.")
    assert as_plain(findings["advice-6h"]) in texts(app)


def test_another_atlas_goes_by_its_own_score_and_not_by_that_of_the_one_before(atlas):
    measure_street(atlas)
    app = open_page("paper", against="tiny")
    assert app.query_params["by"] == "ap70"
    app.selectbox(key="against").set_value("street").run()
    assert app.selectbox(key="by").value == "ap50"
    assert (app.query_params["against"], app.query_params["by"]) == ("street", "ap50")
    app.selectbox(key="against").set_value("paper").run()
    assert "by" not in app.query_params
    app.selectbox(key="against").set_value("tiny").run()
    assert app.selectbox(key="by").value == "ap70"


def test_a_link_that_says_atlas_and_score_is_taken_at_its_word(atlas):
    measure_street(atlas)
    assert open_page("paper", against="street", by="ap70").selectbox(key="by").value == "ap70"
    app = open_page("paper", against="tiny")
    app.query_params.update(against="street", by="ap70")
    app.run()
    assert (app.selectbox(key="against").value, app.selectbox(key="by").value) == ("street", "ap70")


def test_verdicts_that_the_other_data_do_not_have_are_forgotten(atlas):
    app = open_page("paper", verdicts="holds but for")
    app.selectbox(key="against").set_value("tiny").run()
    assert not app.exception
    assert rows_buttons(app)


def test_an_atlas_without_rows_says_how_to_measure_it():
    folder = Workspace.here().measured / "tiny"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text("name: atlas-tiny\ndata: tiny\nfull: [2]\nweak: [0]\nmodels: [yolov5n-seg]\n")
    app = open_page("paper", against="tiny")
    assert "Nothing on tiny has been measured yet" in app.info[0].value
    assert app.code[0].value == "splitlab atlas run tiny"


def test_a_broken_table_is_a_sentence():
    folder = Workspace.here().measured / "tiny"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text("name: atlas-tiny\ndata: tiny\nfull: [2]\nweak: [0]\nmodels: [yolov5n-seg]\n")
    folder.with_suffix(".csv").write_text("no,table\n1,2\n")
    app = open_page("paper", against="tiny")
    assert not app.exception
    assert "tiny.csv" in app.error[0].value


def test_what_is_taken_away_has_every_claim():
    claims = paper_claims()
    table = pd.read_csv(io.StringIO(_claims_table(claims).to_csv(index=False)))
    assert Counter(table["verdict"]) == Counter(claim.verdict for claim in claims)
    assert table["key"].is_unique
    assert set(table["verdict"]) <= set(get_args(Verdict))
    assert set(_LOOKS) <= set(get_args(Verdict))
