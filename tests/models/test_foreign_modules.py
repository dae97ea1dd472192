import numpy as np
import pytest

from splitlab.models.foreign.tree import ForeignObject, tensors_of


@pytest.mark.parametrize(("left_out", "names"), [(["a"], ["x.b", "x.in.w"]), (5, ["x.a", "x.b", "x.in.w"])])
def test_tensors_are_named_as_in_a_state_dict_whatever_a_file_says_of_its_buffers(left_out, names):
    inner = ForeignObject("torch.nn.Linear", {"_parameters": {"w": np.ones(2), "none": None}})
    attributes = {"_non_persistent_buffers_set": left_out, "_buffers": {"a": np.ones(1), "b": np.ones(1)}}
    module = ForeignObject("models.X", {**attributes, "_modules": {"in": inner, "odd": 3}, "_parameters": "odd"})
    assert [name for name, _ in tensors_of(module, "x.")] == names
