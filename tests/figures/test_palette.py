"""Shades of |F|."""

from plotly.colors import unlabel_rgb

from splitlab.figures.palette import full_ramp


def test_a_larger_f_has_a_darker_shade_of_its_own():
    shades = full_ramp([800, 200, 1464, 400, 200])
    assert list(shades) == [200, 400, 800, 1464]
    light = [sum(unlabel_rgb(shade)) for shade in shades.values()]
    assert light == sorted(set(light), reverse=True)


def test_one_f_alone_has_a_shade():
    assert set(full_ramp([400])) == {400}
