"""Trains one network twice in MXNet: with the d2l book's layer, and with `gluon.nn.BatchNorm`.

Run by `tests/test_d2l_network.py` in MXNet's environment as `python -m tests.d2l_network FILE`;
what happened is written to FILE, an .npz, under names such as `book/3/0/running_var`: the network,
the step and the place of the layer in it. Nothing is compared here.
"""

import sys

import numpy as np

from adapters.d2l_scratch import ScratchBatchNorm, mx

STEPS = 40
BATCH = 32


def book(channels, rank):
    return ScratchBatchNorm(channels, rank)


def gluon(channels, rank):
    return mx.gluon.nn.BatchNorm(in_channels=channels)


def network(layer):
    nn = mx.gluon.nn
    net = nn.Sequential()
    net.add(nn.Conv2D(4, kernel_size=3, in_channels=1), layer(4, 4), nn.Activation("sigmoid"))
    net.add(nn.Dense(8, in_units=144), layer(8, 2), nn.Activation("sigmoid"))
    net.add(nn.Dense(3, in_units=8))
    mx.random.seed(2019)
    net.initialize(mx.init.Xavier())
    return net


def norms(net):
    return [net[1], net[4]]


def statistics(norm):
    if isinstance(norm, ScratchBatchNorm):
        return norm.moving_mean.asnumpy().ravel(), norm.moving_var.asnumpy().ravel()
    return norm.running_mean.data().asnumpy(), norm.running_var.data().asnumpy()


def state(norm):
    names = ("gamma", "beta", "running_mean", "running_var")
    parameters = [one.data().asnumpy().ravel() for one in (norm.gamma, norm.beta)]
    return dict(zip(names, (*parameters, *statistics(norm))))  # noqa: B905 (Python 3.8)


def data():
    """Return batches of images of three kinds, which differ in brightness and contrast."""
    rng = np.random.RandomState(2015)
    labels = rng.randint(3, size=(STEPS, BATCH))
    x = rng.standard_normal((STEPS, BATCH, 1, 8, 8)) * (1 + labels[..., None, None, None])
    return (x + 2 * labels[..., None, None, None]).astype("float32"), labels.astype("float32")


def main(path):
    told = {}
    images, labels = data()
    for name, layer in (("book", book), ("gluon", gluon)):
        net = network(layer)
        seen = []
        for norm in norms(net):
            norm.register_forward_hook(lambda norm, x, y, seen=seen: seen.append((x[0], y)))
        loss_function = mx.gluon.loss.SoftmaxCrossEntropyLoss()
        trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
        for step in range(STEPS):

            def tell(call, values, step=step, name=name):
                told.update({f"{name}/{step}/{call}/{key}": v for key, v in values.items()})

            x, label = mx.nd.array(images[step]), mx.nd.array(labels[step])
            for place, norm in enumerate(norms(net)):
                tell(f"{place}/before", state(norm))
            seen.clear()
            with mx.autograd.record():
                logits = net(x)
                loss = loss_function(logits, label).mean()
            for place, norm in enumerate(norms(net)):
                tell(f"{place}/forward", state(norm))
            loss.backward()
            for place, norm in enumerate(norms(net)):
                tensors = zip(("x", "y"), seen[place])  # noqa: B905 (Python 3.8)
                tell(f"{place}/train", {key: one.asnumpy() for key, one in tensors})
                tell(f"{place}/backward", state(norm))
            trainer.step(1)
            for place, norm in enumerate(norms(net)):
                tell(f"{place}/trained", state(norm))
            seen.clear()
            inferred = net(mx.nd.array(images[0]))
            for place in range(len(norms(net))):
                tensors = zip(("x", "y"), seen[place])  # noqa: B905 (Python 3.8)
                tell(f"{place}/infer", {key: one.asnumpy() for key, one in tensors})
            tell("net", {"loss": loss.asnumpy(), "logits": inferred.asnumpy()})
    np.savez(path, **told)


if __name__ == "__main__":
    main(sys.argv[1])
