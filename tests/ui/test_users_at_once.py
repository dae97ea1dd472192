"""Users who compare at the same time, on a real server: each gets the answer to their own question."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from splitlab.app.widgets.panels import FIRST_SCORE
from tests.app_server import app_server
from tests.users import DATA, RightAnswers, make_users, session, write_cats

USERS = 4
SCORES = (0.1, 0.6, 0.3)


@pytest.mark.slow
def test_users_at_once_each_see_their_own_models_on_their_own_image(tmp_path):
    folder = tmp_path / "workspace" / "data" / DATA
    write_cats(folder, USERS)
    start = Barrier(USERS)

    def use(address, user):
        with session(address, user) as own:
            start.wait()
            own.open()
            seen = {FIRST_SCORE: own.panels}
            for score in SCORES:
                own.move_slider(score)
                seen[score] = own.panels
            return seen, own.faults

    users = make_users(USERS)
    with app_server(tmp_path) as address, ThreadPoolExecutor(USERS) as pool:
        answers = list(pool.map(lambda user: use(address, user), users))
    right = RightAnswers(folder)
    for user, (seen, faults) in zip(users, answers, strict=True):
        assert faults == []
        for score, panels in seen.items():
            assert panels == right.panels(user, score), (user, score)
    assert len({str(seen[0.1]) for seen, _ in answers}) == USERS
