"""How many images get masks, how many only boxes? Mixed mask and box labels for instance segmentation.

`import splitlab as sl` offers the names in `__all__`, the public library. Each is imported when it is first used, so
the import itself takes no time. The quick start in `docs/notebooks` shows them in ten cells.

Datasets, runs and cached detections are kept in `workspace/` below the current folder; `SPLITLAB_WORKSPACE` names
another folder.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splitlab.api import (
        Checkpoint,
        compare,
        draw,
        draw_split,
        evaluate,
        load_checkpoint,
        open_dataset,
        plan,
        predict,
        train,
    )
    from splitlab.budget.cost import CITYSCAPES, VOC2012, ImagePool, Prices
    from splitlab.budget.cost import cost_hours as annotation_cost
    from splitlab.budget.fit import fit_surface
    from splitlab.budget.law import EquiscoreLaw
    from splitlab.budget.planner import cheapest_point as equiscore
    from splitlab.budget.published import published_results
    from splitlab.data.split import Split
    from splitlab.errors import SplitLabError
    from splitlab.figures.comparison_tables import all_tables as comparison_tables

__version__ = "0.1.0"

__all__ = [
    "CITYSCAPES",
    "VOC2012",
    "Checkpoint",
    "EquiscoreLaw",
    "ImagePool",
    "Prices",
    "Split",
    "SplitLabError",
    "annotation_cost",
    "compare",
    "comparison_tables",
    "draw",
    "draw_split",
    "equiscore",
    "evaluate",
    "fit_surface",
    "load_checkpoint",
    "open_dataset",
    "plan",
    "predict",
    "published_results",
    "train",
]

# What is not defined in splitlab.api itself.
_ELSEWHERE = {
    "CITYSCAPES": ("splitlab.budget.cost", "CITYSCAPES"),
    "VOC2012": ("splitlab.budget.cost", "VOC2012"),
    "EquiscoreLaw": ("splitlab.budget.law", "EquiscoreLaw"),
    "ImagePool": ("splitlab.budget.cost", "ImagePool"),
    "Prices": ("splitlab.budget.cost", "Prices"),
    "Split": ("splitlab.data.split", "Split"),
    "SplitLabError": ("splitlab.errors", "SplitLabError"),
    "annotation_cost": ("splitlab.budget.cost", "cost_hours"),
    "comparison_tables": ("splitlab.figures.comparison_tables", "all_tables"),
    "equiscore": ("splitlab.budget.planner", "cheapest_point"),
    "fit_surface": ("splitlab.budget.fit", "fit_surface"),
    "published_results": ("splitlab.budget.published", "published_results"),
}


if not TYPE_CHECKING:  # a type checker that knew of it would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'splitlab' has no attribute '{name}'")
        module, attribute = _ELSEWHERE.get(name, ("splitlab.api", name))
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
