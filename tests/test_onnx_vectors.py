"""The reference against BatchNormalization vectors that others published inside the onnx wheel.

Up to onnx 1.22 the wheel carries the operator's own vectors in `data/node` (inference and training)
and, in `data/pytorch-converted`, inference vectors that PyTorch computed. onnx 1.23 dropped the
first set; the count below then fails, so that the training vectors never go missing unnoticed.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from reference.conventions import Conventions
from reference.expected import expect
from reference.layer import Layer, Step

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"

ONNX = Conventions(momentum_meaning="weight_of_history", running_variance="biased")
"""The operator BatchNormalization, opset 14 and later."""


@dataclass(frozen=True)
class Vector:
    """One published vector: the five inputs, the outputs and the operator's attributes."""

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    epsilon: float
    momentum: float
    training: bool


def vector_folders(collection: str, pattern: str) -> list[Path]:
    """Return the folders of BatchNormalization vectors of one collection of the wheel."""
    return sorted(path.parent for path in (DATA / collection).glob(f"{pattern}/model.onnx"))


OPERATOR_VECTORS = vector_folders("node", "test_batchnorm_*")
PYTORCH_VECTORS = vector_folders("pytorch-converted", "test_BatchNorm*")


def load_tensors(folder: Path, kind: str) -> list[np.ndarray]:
    """Return the arrays of `kind`_0.pb, `kind`_1.pb and so on."""
    count = len(list(folder.glob(f"{kind}_*.pb")))
    files = (folder / f"{kind}_{number}.pb" for number in range(count))
    return [numpy_helper.to_array(onnx.load_tensor(str(file))) for file in files]


def load_vector(folder: Path) -> Vector:
    """Read one vector; attributes that the model leaves out take the operator's defaults."""
    model = onnx.load(str(folder / "model.onnx"))
    (node,) = model.graph.node
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    stored = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    data = folder / "test_data_set_0"
    return Vector(
        inputs=load_tensors(data, "input") + stored,
        outputs=load_tensors(data, "output"),
        epsilon=attributes.get("epsilon", 1e-5),
        momentum=attributes.get("momentum", 0.9),
        training=bool(attributes.get("training_mode", 0)),
    )


def test_the_wheel_carries_the_vectors():
    """At least four vectors of the operator are found, two or more of them in training mode."""
    assert len(OPERATOR_VECTORS) >= 4, f"{len(OPERATOR_VECTORS)} in {DATA}; install onnx<1.23"
    assert sum(load_vector(folder).training for folder in OPERATOR_VECTORS) >= 2
    assert len(PYTORCH_VECTORS) >= 5


@pytest.mark.parametrize(
    "folder", OPERATOR_VECTORS + PYTORCH_VECTORS, ids=lambda folder: folder.name
)
def test_reference_meets_published_vector(folder):
    """y and the running statistics lie within the float32 bounds of the reference."""
    vector = load_vector(folder)
    x, *state = vector.inputs
    names = ("gamma", "beta", "running_mean", "running_var")
    layer = Layer(
        epsilon=vector.epsilon,
        raw_momentum=vector.momentum,
        **dict(zip(names, state, strict=True)),
    )
    (expectation,) = expect(layer, [Step(x, training=vector.training)], ONNX)
    outputs = ("y", "running_mean", "running_var") if vector.training else ("y",)
    for name, published in zip(outputs, vector.outputs, strict=True):
        tensor = expectation.tensors[name]
        assert published.dtype == np.float32
        assert published.shape == tensor.value.shape
        for index in np.ndindex(published.shape):
            error = abs(Fraction(float(published[index])) - Fraction(float(tensor.value[index])))
            allowed = Fraction(float(tensor.bound[index]))
            assert error <= allowed, (
                f"{name}{list(index)} = {float(published[index]).hex()}, "
                f"should be {float(tensor.value[index]).hex()} "
                f"(error {float(error / allowed):.3g} × bound)"
            )
