"""Trainings that a test holds in their middle, and workers that it kills."""

from tests.runs.queue_tools import training, wait_until

# Says its pid and waits to be told to go on, so that a test can act in the middle of a training.
HOLD = 'echo $$ > "$1/new"; mv "$1/new" "$1/pid"; while [ ! -e "$1/go" ]; do sleep 0.01; done;'
UNTIL_TOLD = training(HOLD)
# A training that saves and stops when it is asked to, as the real one does.
STOPPABLE = training(
    'trap \'echo "{\\"state\\": \\"cancelled\\", \\"step\\": 5, \\"steps\\": 20, \\"pid\\": 1, '
    '\\"process_started\\": 0, \\"heartbeat\\": 9}" > "$1/status.json"; exit 130\' TERM; ' + HOLD
)


def pid_of(run):
    wait_until((run.path / "pid").exists)
    return int((run.path / "pid").read_text())


def kill(worker):
    worker.kill()
    worker.communicate()
