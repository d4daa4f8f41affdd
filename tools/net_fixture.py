#!/usr/bin/python3
"""Writes tests/data/nets/NAME.txt: small language models as PyTorch computes them, in double precision.

Usage: tools/net_fixture.py [NAME …]   (Debian: apt install python3-torch; without names, all of NETS and optimizers)

Each line is a name, the number of values and the values. Weights are written in this project's layout (inputs, outputs),
the transpose of PyTorch's. test_nn_*.c read the files and compare. The attention here is the textbook's, with a whole matrix
of scores and a mask, so that it shares nothing with ours.
"""
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

VOCAB, TABLES, WAVES, WAVE_DIM, LAYERS = 11, [(11, 5), (3, 3)], 1, 4, 2
LENGTHS, SMOOTHING, RATE, CLIP, STEPS = [7, 5, 1], 0.1, 1e-3, 0.1, 10
UNSCORED = -100
INPUT = sum(dim for _, dim in TABLES) + WAVES * WAVE_DIM
NETS = {
    "lstm": dict(hidden=8),
    "transformer": dict(hidden=12, heads=2, ff=10, activation="swiglu", norm="post"),
    "transformer-pre": dict(hidden=8, heads=2, ff=10, activation="gelu", norm="pre"),
    "transformer-fixup": dict(hidden=12, heads=3, ff=10, activation="relu", norm="none"),
    "longformer": dict(hidden=12, heads=2, ff=10, activation="swiglu", norm="post", window=[3, 2], dilation=[1, 2], n_global=1),
    "longformer-2": dict(hidden=12, heads=2, ff=10, activation="gelu", norm="pre", window=[2, 2], dilation=[1, 1], n_global=2),
}


def linear(prefix, layer):
    return [(prefix + ".weight", layer.weight), (prefix + ".bias", layer.bias)]


def norm(prefix, layer):
    return [(prefix + ".gain", layer.weight), (prefix + ".bias", layer.bias)]


class Lstm(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.width = hidden
        self.lstm = nn.LSTM(INPUT, hidden, LAYERS, batch_first=True)

    def forward(self, x):
        return self.lstm(x.unsqueeze(0))[0].squeeze(0)

    def ours(self):
        for l in range(LAYERS):
            yield f"lstm.{l}.weight_input", getattr(self.lstm, f"weight_ih_l{l}")
            yield f"lstm.{l}.weight_hidden", getattr(self.lstm, f"weight_hh_l{l}")
            yield f"lstm.{l}.bias_input", getattr(self.lstm, f"bias_ih_l{l}")
            yield f"lstm.{l}.bias_hidden", getattr(self.lstm, f"bias_hh_l{l}")


class Layer(nn.Module):
    def __init__(self, width, heads, ff, activation, norm, window, dilation, n_global):
        super().__init__()
        self.heads, self.activation, self.where = heads, activation, norm
        self.window, self.dilation, self.n_global = window, dilation, n_global
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.globals = nn.Linear(width, 3 * width)
        self.ff_in = nn.Linear(width, 2 * ff if activation == "swiglu" else ff)
        self.ff_out = nn.Linear(ff, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def mask(self, n):
        """What row t sees: its band, the global rows, never what comes after it."""
        t, s = torch.arange(n).unsqueeze(1), torch.arange(n).unsqueeze(0)
        band = (t - s < self.window * self.dilation) & ((t - s) % self.dilation == 0)
        return (s <= t) & (band | (s < self.n_global))

    def attend(self, qkv, mask):
        n, width = qkv.shape[0], qkv.shape[1] // 3
        q, k, v = (part.reshape(n, self.heads, -1).transpose(0, 1) for part in qkv.split(width, 1))
        scores = (q @ k.transpose(1, 2) / (width / self.heads) ** 0.5).masked_fill(~mask, float("-inf"))
        return (scores.softmax(2) @ v).transpose(0, 1).reshape(n, width)

    def attention(self, x):
        rows = self.attend(self.qkv(x), self.mask(len(x)))
        g = min(self.n_global, len(x))
        if g > 0:
            own = self.attend(self.globals(x[:g]), torch.ones(g, g).tril().bool())
            rows = torch.cat([own, rows[g:]])
        return self.out(rows)

    def feed_forward(self, x):
        x = self.ff_in(x)
        if self.activation == "swiglu":
            gate, value = x.chunk(2, 1)
            return self.ff_out(F.silu(gate) * value)
        return self.ff_out(F.gelu(x) if self.activation == "gelu" else F.relu(x))

    def forward(self, x):
        for function, normed in zip((self.attention, self.feed_forward), self.norms):
            if self.where == "post":
                x = normed(x + function(x))
            else:
                x = x + function(normed(x) if self.where == "pre" else x)
        return x

    def ours(self, prefix):
        yield from linear(prefix + "qkv", self.qkv)
        yield from linear(prefix + "out", self.out)
        if self.n_global > 0:
            yield from linear(prefix + "global", self.globals)
        yield from linear(prefix + "ff_in", self.ff_in)
        yield from linear(prefix + "ff_out", self.ff_out)
        if self.where != "none":
            yield from norm(prefix + "norm_attention", self.norms[0])
            yield from norm(prefix + "norm_ff", self.norms[1])


class Transformer(nn.Module):
    def __init__(self, hidden, heads, ff, activation, norm, window=(1000,) * LAYERS, dilation=(1,) * LAYERS, n_global=0):
        super().__init__()
        self.width, self.where = hidden, norm
        self.project = nn.Linear(INPUT, hidden)
        self.layers = nn.ModuleList(
            Layer(hidden, heads, ff, activation, norm, window[l], dilation[l], n_global) for l in range(LAYERS))
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x):
        x = x if self.width == INPUT else self.project(x)
        for layer in self.layers:
            x = layer(x)
        return x if self.where == "none" else self.norm(x)

    def ours(self):
        if self.width != INPUT:
            yield from linear("project", self.project)
        for l, layer in enumerate(self.layers):
            yield from layer.ours(f"layer.{l}.")
        if self.where != "none":
            yield from norm("norm", self.norm)


class Net(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.embed = nn.ModuleList(nn.Embedding(rows, dim) for rows, dim in TABLES)
        self.body = (Lstm if name == "lstm" else Transformer)(**NETS[name])
        self.head = nn.Linear(self.body.width, VOCAB)

    def forward(self, ids, scalars):
        # Vaswani et al. 2017, section 3.5, with base 1e6: pairs of sine and cosine.
        scale = 1e6 ** (-torch.arange(0, WAVE_DIM, 2, dtype=torch.float64) / WAVE_DIM)
        angle = scalars.unsqueeze(-1) * scale
        waves = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
        x = torch.cat([table(ids[:, f]) for f, table in enumerate(self.embed)] + [waves], 1)
        return self.head(self.body(x))

    def ours(self):
        """(name in this project, parameter), in the order of our table."""
        for f, table in enumerate(self.embed):
            yield f"embed.{f}", table.weight
        yield from self.body.ours()
        yield from linear("head", self.head)


class Fixture:
    def __init__(self):
        self.lines = []

    def put(self, name, values, form="%.6f"):
        values = values.flatten().tolist() if torch.is_tensor(values) else values
        self.lines.append(" ".join([name, str(len(values))] + [form % v for v in values]))

    def put_all(self, net, prefix, of):
        for name, p in net.ours():
            value = of(p)
            value = torch.zeros_like(p) if value is None else value
            transpose = "weight" in name and not name.startswith("embed")
            self.put(prefix + name, value.t() if transpose else value, "%.7g")


def fixture(name):
    out = Fixture()
    torch.manual_seed(1)
    net = Net(name).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn_like(p))  # biases and gains too
            p.copy_((p * 1e4).round() / 1e4)  # so that the text holds the values themselves
    ids = [torch.stack([torch.randint(rows, (n,)) for rows, _ in TABLES], 1) for n in LENGTHS]
    scalars = [torch.randint(100000, (n, WAVES)).double() for n in LENGTHS]
    target = [torch.randint(VOCAB, (n,)) for n in LENGTHS]
    target[0][2] = UNSCORED
    out.put("net", [len(list(net.ours()))], "%d")
    out.put("lengths", LENGTHS, "%d")
    out.put("ids", torch.cat(ids), "%d")
    out.put("scalars", torch.cat(scalars), "%d")
    out.put("target", torch.cat(target), "%d")
    out.put_all(net, "value.", lambda p: p.detach())
    smooth = nn.CrossEntropyLoss(label_smoothing=SMOOTHING, ignore_index=UNSCORED)
    plain = nn.CrossEntropyLoss(ignore_index=UNSCORED, reduction="none")
    used = [p for _, p in net.ours()]
    adam = torch.optim.Adam(used, lr=RATE)
    norms = []
    for step in range(STEPS):
        adam.zero_grad()
        logits = torch.cat([net(i, s) for i, s in zip(ids, scalars)])
        objective = smooth(logits, torch.cat(target))
        objective.backward()
        if step == 0:
            out.put("log_p", logits.detach().log_softmax(1), "%.7g")
            out.put("surprisal", plain(logits, torch.cat(target)).detach(), "%.7g")
            out.put("objective", [objective.item()], "%.9g")
            out.put_all(net, "gradient.", lambda p: p.grad)
        norms.append(nn.utils.clip_grad_norm_(used, CLIP).item())
        adam.step()
    out.put("norms", norms, "%.9g")
    out.put_all(net, "after.", lambda p: p.detach())
    return "\n".join(out.lines) + "\n"


def optimizers():
    """A matrix and a bias under given gradients: what 20 steps of each optimiser make of them."""
    out = Fixture()
    torch.manual_seed(2)
    steps, shapes = 20, {"matrix": (3, 4), "bias": (4,)}
    begin = {name: torch.randn(shape).double() for name, shape in shapes.items()}
    gradients = [{name: torch.randn(shape).double() for name, shape in shapes.items()} for _ in range(steps)]
    out.put("steps", [steps], "%d")
    for name in shapes:
        out.put("begin." + name, begin[name], "%.9g")
        out.put("gradient." + name, torch.stack([g[name] for g in gradients]), "%.9g")
    for kind in "adam", "adamw", "ranger":
        p = {name: begin[name].clone().requires_grad_() for name in shapes}
        slow = {name: begin[name].clone() for name in shapes}
        if kind == "adam":
            optimizer = torch.optim.Adam(p.values(), lr=1e-2)
        elif kind == "adamw":
            groups = [{"params": [p["matrix"]], "weight_decay": 0.1}, {"params": [p["bias"]], "weight_decay": 0.0}]
            optimizer = torch.optim.AdamW(groups, lr=1e-2)
        else:
            optimizer = torch.optim.RAdam(p.values(), lr=1e-2)
        for step in range(steps):
            for name in shapes:
                p[name].grad = gradients[step][name].clone()
            optimizer.step()
            if kind == "ranger" and step % 6 == 5:  # Lookahead
                for name in shapes:
                    slow[name] = slow[name] + 0.5 * (p[name].detach() - slow[name])
                    p[name].data.copy_(slow[name])
        for name in shapes:
            out.put(f"{kind}.{name}", p[name].detach(), "%.9g")
    return "\n".join(out.lines) + "\n"


def main():
    data = pathlib.Path(__file__).parent.parent / "tests" / "data" / "nets"
    for name in sys.argv[1:] or [*NETS, "optimizers"]:
        (data / f"{name}.txt").write_text(optimizers() if name == "optimizers" else fixture(name))


main()
