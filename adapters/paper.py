# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "numpy"
# devices = ["cpu"]
# modes = ["eager"]
# ///
"""The paper, to the letter: S. Ioffe and C. Szegedy, arXiv:1502.03167v3, in NumPy's long doubles.

Algorithm 1 trains, section 3's equations differentiate it, and Algorithm 2 infers: by population
statistics, the averages over all training batches. The paper has no momentum, so none is used.
"""

import numpy as np

from adapters.harness.protocol import GRADIENTS, Declined

PAPER = "arXiv:1502.03167v3"


def hello():
    return {"versions": {"numpy": np.__version__}, "devices": ["cpu"]}


def conventions(layer, shape):
    return {
        "running_update": ("cumulative", f"{PAPER}, Algorithm 2, step 10: averages over batches"),
        "single_value": ("nan", f"{PAPER}, Algorithm 2, step 10: m / (m - 1) is 1 / 0"),
        "empty_batch": ("nan", f"{PAPER}, Algorithm 1: (1 / m) times a sum is 0 / 0"),
    }


def train(x, gamma, beta, epsilon):
    """Return y, x_hat, mu and sigma squared of a batch of shape (m, channels): Algorithm 1."""
    m = np.longdouble(len(x))
    mu = x.sum(axis=0) / m
    sigma2 = ((x - mu) ** 2).sum(axis=0) / m
    x_hat = (x - mu) / np.sqrt(sigma2 + epsilon)
    return gamma * x_hat + beta, x_hat, mu, sigma2


def train_gradients(dy, x, x_hat, mu, sigma2, gamma, epsilon):
    """Return the derivatives of the loss by x, gamma and beta: the six equations of section 3."""
    m = np.longdouble(len(x))
    dx_hat = dy * gamma
    dsigma2 = (dx_hat * (x - mu) * (-1 / np.longdouble(2))).sum(axis=0)
    dsigma2 = dsigma2 * (sigma2 + epsilon) ** (-3 / np.longdouble(2))
    dmu = (dx_hat * -1 / np.sqrt(sigma2 + epsilon)).sum(axis=0)
    dmu = dmu + dsigma2 * (-2 * (x - mu)).sum(axis=0) / m
    dx = dx_hat / np.sqrt(sigma2 + epsilon) + dsigma2 * 2 * (x - mu) / m + dmu / m
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def infer(x, gamma, beta, mean, var, epsilon):
    """Return y: Algorithm 2, step 11."""
    std = np.sqrt(var + epsilon)
    return gamma / std * x + (beta - gamma * mean / std)


def infer_gradients(dy, x, gamma, mean, var, epsilon):
    """Return the derivatives of step 11, a linear transform of x with fixed statistics."""
    std = np.sqrt(var + epsilon)
    return dy * gamma / std, (dy * (x - mean) / std).sum(axis=0), dy.sum(axis=0)


def population(batches):
    """Return E[x] and Var[x] from (mu, sigma squared, m) of each batch: Algorithm 2, step 10."""
    means, variances, counts = zip(*batches, strict=True)
    m = np.longdouble(counts[0])  # the paper's training batches all have one size
    return np.mean(means, axis=0), m / (m - 1) * np.mean(variances, axis=0)


def run(layer, steps):
    axis = layer.axis()
    channels = steps[0].x.shape[axis]
    epsilon = np.longdouble(1e-5 if layer.epsilon is None else layer.epsilon)
    gamma, beta, mean, var = (v.astype(np.longdouble) for v in layer.state(channels))
    # What is given counts as the population of a network that was trained before, and infers until
    # training begins anew. Without it there are no statistics: an average over no batches.
    if layer.running_mean is None:
        mean = var = None
    kept = np.dtype("float64" if layer.dtype == "float64" else "float32")
    batches = []
    for step in steps:
        training = step.training is None or step.training
        if not training and mean is None:
            raise Declined("Algorithm 2 has no population statistics before the first batch")
        # Section 3.2: with positions, m counts the values of a channel, samples times positions.
        channels_last = np.moveaxis(step.x, axis, -1)
        x = channels_last.reshape(-1, channels).astype(np.longdouble)
        answer = {}
        with np.errstate(all="ignore"):
            if training:
                answer["y"], x_hat, mu, sigma2 = train(x, gamma, beta, epsilon)
                batches.append((mu, sigma2, len(x)))
            else:
                answer["y"] = infer(x, gamma, beta, mean, var, epsilon)
            if step.dy is not None:
                dy = np.moveaxis(step.dy, axis, -1).reshape(-1, channels).astype(np.longdouble)
                if training:
                    gradients = train_gradients(dy, x, x_hat, mu, sigma2, gamma, epsilon)
                else:
                    gradients = infer_gradients(dy, x, gamma, mean, var, epsilon)
                answer.update(zip(GRADIENTS, gradients, strict=True))
            if training:
                mean, var = population(batches)
            for name in ("y", "dx"):
                if name in answer:
                    moved = answer[name].reshape(channels_last.shape)
                    answer[name] = np.moveaxis(moved, -1, axis).astype(step.x.dtype)
            answer["running_mean"], answer["running_var"] = mean, var
            for name in ("dgamma", "dbeta", "running_mean", "running_var"):
                if name in answer:
                    answer[name] = answer[name].astype(kept)
        yield answer
