"""Every sentence of the paper with a number, by a few words of it, and the claim that checks it.

Left out are numbers that name something (citations, sections, equations, tables, panels of figures), the cells of the
tables, and the hyperparameters of Eq. 1 to 4 that are symbols.
"""

import re
from collections import Counter

import pytest

from splitlab.budget.claims import paper_claims

# Section, words of the sentence, keys of the claims that check it.
SENTENCES = (
    ("1", "approximately 1:4 ... 1:7", "optimal-ratio"),
    ("2.2", "approximately 6.3 times greater", "mask-6.3-times-a-box"),
    ("3.1", "200, 400, 800, 1464 for Pascal VOC 2012", "numbers-of-masks"),
    ("3.1", "200, 400, 800, 1475 for Cityscapes", "numbers-of-masks"),
    ("3.1", "minus |F|", "all-the-rest-in-prior-work"),
    ("3.1", "0, 1000, 3000, 5000, 10731 - |F|", "numbers-of-boxes-on-voc"),
    ("3.1", "0, 1000, 2000, 2975 - |F|", "numbers-of-boxes-on-cityscapes"),
    ("3.4", "four individual loss components", "four-losses"),
    ("4.1", "1464 training, 1449 validation, and 1456 test images including 20", "voc-images"),
    ("4.1", "9,267 images with only bounding box annotations", "voc-box-images"),
    ("4.1", "with AP50, AP70, AP75 on the validation set", "voc-scores"),
    ("4.1", "2975 training, 500 validation, and 1525 test images", "cityscapes-images"),
    ("4.1", "for 30 object classes", "cityscapes-images"),
    ("4.1", "the fine data and 8 classes", "eight-classes"),
    ("4.1", "AP50 and AP50:95 on the validation set", "cityscapes-scores"),
    ("4.2", "a batch size of 16", "yolo-settings"),
    ("4.2", "512 for VOC2012 and 1024 for Cityscapes", "yolo-settings"),
    ("4.2", "ResNet-50", "detr-settings"),
    ("4.2", "800 pixels, with a maximum size of 1333", "detr-settings"),
    ("4.2", "a batch size of 10, while the mask phase uses a batch size of 3", "detr-settings"),
    ("4.3", "the statistics presented in Tab. 1", "cost-from-table-1"),
    ("4.3", "YOLO-400/0, YOLO-400/1000, ..., YOLO-400/10331", "groups-of-models"),
    ("4.3", "by 8.1, 5.7, and 2.6 in AP70", "yolo-over-full-supervision"),
    ("4.3", "reducing labeling costs by 3.5 times", "yolo-3.5-times-cheaper"),
    ("4.3", "YOLO-800/5000 outperforms ... by 20, 14, and 2.7", "yolo-over-weak-supervision"),
    ("4.3", "Hybrid Mask R-CNN and CenterMask across all data splits", "yolo-over-hybrids"),
    ("4.3", "YOLO-200/1000 ... Ubteacher-297/0 ... by 10.3, 7.3, and 5.2", "yolo-on-cityscapes"),
    ("4.3", "YOLO-1475/1500 ... 33.3 ... (34.7) ... (31.8) ... (31.5)", "yolo-near-center-mask"),
    ("4.3", "reducing labeling costs by half", "yolo-half-the-cost"),
    ("4.3", "performs significantly worse than YOLO", "detr-below-yolo"),
    ("4.3", "800 pixels versus YOLO's 512 pixels", "training-resolution"),
    ("4.3", "splits with |W| = 0", "masks-alone-suboptimal"),
    ("4.3", "|W| = 10731 - |F|", "all-boxes-suboptimal"),
    ("4.3", "Edge cases like YOLO-200/0", "masks-alone-suboptimal"),
    ("4.3", "and YOLO-1464/9267", "all-boxes-suboptimal"),
    ("4.3", "YOLO-400/5000 ... and YOLO-800/5000", "yolo-best-splits"),
    ("4.3", "the 4th point ... on the YOLO-400 graph ... the 4th ... on the YOLO-800", "yolo-fourth-points"),
    ("4.3", "Observation 1.", "observation-1"),
    ("4.3", "DETR-800/3000 and DETR-800/5000", "detr-best-splits"),
    ("4.3", "second and third points from the left on the DETR-800 graph", "detr-second-and-third-points"),
    ("4.3", "every model with |W| = 0 (except YOLO-200/0)", "masks-alone-on-cityscapes"),
    ("4.3", "YOLO-2975/0 ... twice ... YOLO-1475/1500", "all-masks-at-twice-the-cost"),
    ("4.3", "YOLO-800/2000 ... about half", "almost-the-same-at-half-the-cost"),
    ("4.3", "Observation 2.", "observation-2"),
    ("4.3", "Observation 3.", "observation-3"),
    ("4.4", "identical AP scores", "same-score-a"),
    ("4.4", "identical AP scores", "same-score-b"),
    ("4.4", "identical AP scores", "same-score-c"),
    ("4.4", "five ... images from ... VOC2012", "four-models-of-figure-2"),
    ("4.4", "four selected models with similar AP70 scores", "four-models-of-figure-2"),
    ("4.4", "800/3K", "observation-7"),
    ("4.4", "only 7 instance categories", "seven-categories"),
    ("4.5", "maximum number of F images used in the experiments", "phi0-is-the-largest-full"),
    ("4.5", "near the extreme values of 0 and 1", "phi0-is-the-largest-full"),
    ("4.5", "1464, k = 1", "hyperbola-a"),
    ("4.5", "(1464, 0) at tau = 1", "end-of-the-law"),
    ("4.5", "1475, k = 0.33", "hyperbola-b"),
    ("4.5", "(200, 2775) ... 30.0 ... 31.5", "off-the-curve"),
    ("4.5", "1464 and k = 1.5", "hyperbola-c"),
    ("4.6", "17 images containing 24 object masks (3 per class)", "few-shot-masks"),
    ("4.6", "20k iterations", "few-shot-length"),
    ("4.6", "first two lines in Tab. 4", "first-two-lines-of-table-4"),
    ("4.6", "across 8 classes", "first-two-lines-of-table-4"),
    ("4.6", "46.3 ... 55 ... 70.6", "few-shot-scores"),
)
CLAIMS = {claim.key: claim for claim in paper_claims()}


def numbers(text):
    return re.findall(r"\d+(?:\.\d+)?", text.replace(",", "") if re.search(r"\d,\d{3}", text) else text)


@pytest.mark.parametrize(("section", "words", "key"), SENTENCES)
def test_a_sentence_with_a_number_has_a_claim_that_states_it(section, words, key):
    claim = CLAIMS[key]
    assert claim.section == section
    assert Counter(numbers(words)) <= Counter(numbers(claim.statement))


def test_every_claim_checks_a_sentence_of_the_list():
    assert {key for _, _, key in SENTENCES} == set(CLAIMS)


def test_quotes_of_the_paper_are_short():
    assert max(len(words.split()) for _, words, _ in SENTENCES) <= 15
