"""Label prices on the command line: presets, own prices in seconds and money, and mix or masks only."""

import json

import pytest
from typer.testing import CliRunner

from splitlab.budget.cost import VOC2012, Prices, cost_hours
from splitlab.cli import main as cli
from splitlab.errors import BudgetError

runner = CliRunner()


def run(*words):
    result = runner.invoke(cli.app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def told(*words):
    return json.loads(run(*words, "--json"))


def test_the_presets_are_listed_with_sources_years_and_what_is_second_hand():
    text = run("prices")
    assert "sam: a mask costs 2.0 boxes." in text
    assert "14 s per object (Kirillov ICCV'23, 2023)" in text
    assert "79.2 s per object (Lin ECCV'14 via Cheng CVPR'22, 2014, second-hand)" in text
    presets = told("prices")
    assert [one["name"] for one in presets][:2] == ["voc2012", "cityscapes"]
    assert {"box", "mask", "price_ratio", "per_object"} <= set(presets[0])


def test_all_figures_can_be_listed_also_those_of_no_preset():
    assert "cluster-verify" in run("prices", "--all")
    figures = told("prices", "--all")
    assert len(figures) == 33
    assert {"source", "year", "seen_in", "second_hand"} <= set(figures[0])


def test_a_preset_of_an_object_takes_the_objects_of_the_dataset_or_those_given():
    split = ("--full", "10", "--weak", "20", "--prices", "sam")
    for words, objects in (((), 2.8), (("--dataset", "cityscapes"), 17.5), (("--instances-per-image", "1"), 1)):
        hours = cost_hours(10, 20, Prices(7 * objects, 14 * objects))
        assert told("cost", *split, *words)["hours"] == round(hours, 1)
    assert told("cost", "--full", "400", "--weak", "5000", "--prices", "VOC2012")["hours"] == 79.5


def test_money_is_shown_where_an_hour_has_a_price_and_nowhere_else():
    split = ("--full", "400", "--weak", "5000")
    assert "money" not in run("cost", *split)
    assert "money" not in told("cost", *split)
    hours = cost_hours(400, 5000, VOC2012)
    assert told("cost", *split, "--money-per-hour", "15")["money"] == round(15 * hours, 2)
    assert "79.5 hours (1,193 in money, at 15 an hour)" in run("cost", *split, "--money-per-hour", "15")


def test_own_prices_in_money_cost_the_money_that_the_labels_cost():
    split = ("--full", "10", "--weak", "100", "--box-money", "0.1", "--mask-money", "2")
    assert told("cost", *split)["money"] == 30
    assert told("cost", *split)["money_per_hour"] == 8
    assert told("cost", *split, "--instances-per-image", "3", "--money-per-hour", "20")["money"] == 90


def test_a_budget_of_money_buys_the_same_split_at_any_rate():
    words = ("plan", "--prices", "welabeldata", "--money", "2000")
    one, two = told(*words), told(*words, "--money-per-hour", "20")
    assert (one["full"], one["weak"]) == (two["full"], two["weak"])
    assert one["money"] == pytest.approx(2000, rel=0.01)
    assert two["hours"] == pytest.approx(100, rel=0.01)
    assert told("plan", "--money", "1600", "--money-per-hour", "20")["full"] == told("plan", "--hours", "80")["full"]


def test_a_plan_says_whether_mixing_pays_by_the_law_and_by_the_surface():
    assert "draw masks only: mixing begins to pay above 4.0 (4k)" in run("plan", "--score", "50", "--prices", "sam")
    mixing = told("plan", "--score", "50", "--prices", "sam")["mixing"]
    assert mixing["price_ratio"] == 2
    assert (mixing["by_law"]["pays_above"], mixing["by_law"]["pays"]) == (4, False)
    assert mixing["by_surface"]["pays_above"] == pytest.approx(1.91, abs=0.01)
    assert mixing["by_surface"]["masks_alone"] == 1668
    assert told("plan", "--score", "50")["mixing"]["by_law"]["pays"]
    assert "By the law, at your price ratio of 10.9, mix" in run("equiscore", "--dataset", "cityscapes")
    assert told("equiscore", "--prices", "sam")["mixing"]["pays"] is False


def test_a_pilot_has_no_law_and_labels_that_are_enough_have_no_mixing(tmp_path):
    (tmp_path / "runs.csv").write_text("full,weak,score\n30,0,38.5\n30,450,53.1\n60,0,45\n60,200,54\n")
    pilot = ("plan", "--pilot", tmp_path / "runs.csv", "--images", "480")
    assert told(*pilot, "--hours", "5")["mixing"]["by_law"] is None
    assert "By the equiscore law" not in run(*pilot, "--hours", "5")
    assert "mixing" not in told("plan", "--score", "40", "--have-full", "400", "--have-weak", "5000")


def test_a_budget_that_pays_for_masks_on_all_images_has_no_ratio_of_the_surface():
    assert told("plan", "--hours", "5000")["mixing"]["by_surface"]["pays_above"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--prices", "nobody"), "choose one of voc2012"),
        (("--prices", "sam", "--mask-seconds", "5"), "either --prices or prices of your own"),
        (("--box-money", "0.1"), "need both"),
        (("--box-money", "0.1", "--mask-money", "1", "--box-seconds", "7"), "no seconds"),
        (("--money-per-hour", "0"), "an hour of labelling"),
        (("--prices", "sam", "--instances-per-image", "0"), "instances_per_image"),
        (("--box-money", "1", "--mask-money", "2", "--instances-per-image", "0"), "instances_per_image"),
    ],
)
def test_prices_that_cannot_be_or_contradict_get_a_sentence(words, message):
    with pytest.raises(BudgetError, match=message):
        run("cost", "--full", "10", *words)


def test_money_without_a_rate_and_two_budgets_get_a_sentence():
    with pytest.raises(BudgetError, match="--money needs"):
        run("plan", "--money", "100")
    with pytest.raises(BudgetError, match="Give one of"):
        run("plan", "--money", "100", "--hours", "10", "--money-per-hour", "8")
