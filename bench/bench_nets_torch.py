#!/usr/bin/python3
"""PyTorch beside bench_nets: the same shapes (95 calls, 58 processes, batch 16 x 1100, the paper's layers), the same output lines.
Usage: bench_nets_torch.py lstm|transformer|longformer [threads] [seconds] [f32|bf16|export FILE] [cpu|cuda]. bf16 is autocast; on cuda, f32 is
TF32; export writes the net as ONNX for bench_nets_onnx.js: log-probabilities of a batch, an LSTM's with its state. Only the LSTM is streamed:
attention would need a cache that PyTorch has no module for. tools/bench sets the environment in which PyTorch is fastest."""
import sys
import time

import torch

KIND = sys.argv[1] if len(sys.argv) > 1 else "lstm"
THREADS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 10
BF16 = len(sys.argv) > 4 and sys.argv[4] == "bf16"
DEVICE = "cuda" if sys.argv[5:] == ["cuda"] else "cpu"
BATCH, LENGTH, CALLS, PROCESSES, WAVE = 16, 1100, 95, 58, 12


WINDOW = 32


def full(q, k, v):
    """Causal attention of (batch, heads, length, dim)."""
    n = q.shape[2]
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5 + torch.full((n, n), float("-inf")).triu(1)
    return scores.softmax(3) @ v


def banded(q, k, v):
    """The last WINDOW rows and row 0: blocks of queries against two blocks of keys, and row 0 beside them."""
    batch, heads, n, dim = q.shape
    more = -n % WINDOW
    q, k, v = (torch.nn.functional.pad(t, (0, 0, 0, more)).view(batch, heads, -1, WINDOW, dim) for t in (q, k, v))
    before_k, before_v = (torch.cat((torch.zeros_like(t[:, :, :1]), t[:, :, :-1]), 2) for t in (k, v))
    first_k, first_v = (t[:, :, :1, :1].expand(-1, -1, k.shape[2], -1, -1) for t in (k, v))
    keys, values = torch.cat((first_k, before_k, k), 3), torch.cat((first_v, before_v, v), 3)
    row, column = torch.arange(WINDOW).unsqueeze(1), torch.arange(2 * WINDOW).unsqueeze(0)
    band = (column > row) & (column <= row + WINDOW)
    mask = torch.cat((torch.ones(WINDOW, 1).bool(), band), 1).repeat(k.shape[2], 1, 1)
    mask[0, :, 1:WINDOW + 1] = False  # there is nothing before the first block,
    mask[:2, :, 0] = False  # and row 0 is in the band of the first rows
    mask[1, :, 0] = ~mask[1, :, 1]
    scores = (q @ keys.transpose(3, 4) / dim ** 0.5).masked_fill(~mask, float("-inf"))
    return (scores.softmax(4) @ values).reshape(batch, heads, -1, dim)[:, :, :n]


class Layer(torch.nn.Module):
    def __init__(self, width=168, heads=4, ff=448):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        if KIND == "longformer":
            self.globals = torch.nn.Linear(width, 3 * width)
        self.ff_in, self.ff_out = torch.nn.Linear(width, 2 * ff), torch.nn.Linear(ff, width)
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.drop = torch.nn.Dropout(0.01)

    def attention(self, x):
        batch, n, width = x.shape
        q, k, v = self.qkv(x).view(batch, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        rows = (full if KIND == "transformer" else banded)(q, k, v).transpose(1, 2).reshape(batch, n, width)
        if KIND == "longformer":  # row 0 sees itself alone
            rows = torch.cat((self.globals(x[:, :1])[..., 2 * width:], rows[:, 1:]), 1)
        return self.out(rows)

    def forward(self, x):
        x = self.norm1(x + self.drop(self.attention(x)))
        gate, value = self.ff_in(x).chunk(2, 2)
        return self.norm2(x + self.drop(self.ff_out(torch.nn.functional.silu(gate) * value)))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.call = torch.nn.Embedding(CALLS, 48)
        self.process = torch.nn.Embedding(PROCESSES, 48)
        self.entry = torch.nn.Embedding(3, WAVE)
        self.ret = torch.nn.Embedding(3, WAVE)
        if KIND == "lstm":
            self.lstm = torch.nn.LSTM(168, 256, 2, dropout=0.05, batch_first=True)
            self.head = torch.nn.Linear(256, CALLS)
        else:
            self.layers = torch.nn.Sequential(Layer(), Layer(), torch.nn.LayerNorm(168))
            self.head = torch.nn.Linear(168, CALLS)
        self.register_buffer("scale", 1e6 ** (-torch.arange(0, WAVE, 2) / WAVE))

    def rows(self, ids, scalars):
        angle = scalars.unsqueeze(-1) * self.scale
        waves = torch.stack((angle.sin(), angle.cos()), -1).flatten(2)
        return torch.cat((self.call(ids[..., 0]), self.process(ids[..., 1]), self.entry(ids[..., 2]), self.ret(ids[..., 3]), waves), -1)

    def forward(self, ids, scalars, state=None):
        x = self.rows(ids, scalars)
        if KIND == "lstm":
            x, state = self.lstm(x, state)
        else:
            x = self.layers(x)
        return self.head(x), state


torch.set_num_threads(THREADS)
if DEVICE == "cuda":
    torch.set_default_device(DEVICE)
    torch.set_float32_matmul_precision("high")
torch.manual_seed(1)
model = Model()
ids = torch.stack([torch.randint(n, (BATCH, LENGTH)) for n in (CALLS, PROCESSES, 3, 3)], -1)
scalars = torch.randint(100000, (BATCH, LENGTH, 4)).float()
target = torch.randint(CALLS, (BATCH, LENGTH))
loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
adam = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    adam.zero_grad()
    with torch.autocast(DEVICE, torch.bfloat16, BF16):
        logits, _ = model(ids, scalars)
    loss_of(logits.float().flatten(0, 1), target.flatten()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
    adam.step()


def score():
    with torch.no_grad(), torch.autocast(DEVICE, torch.bfloat16, BF16):
        logits, _ = model(ids, scalars)
        torch.log_softmax(logits.float(), -1).gather(-1, target.unsqueeze(-1))


class Scorer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, ids, scalars, h=None, c=None):
        logits, state = self.model(ids, scalars, None if h is None else (h, c))
        log_p = torch.log_softmax(logits, -1)
        return log_p if h is None else (log_p, *state)


def export(path):
    free = {"ids": {0: "batch", 1: "length"}, "scalars": {0: "batch", 1: "length"}}
    inputs, names, outputs = (ids, scalars), ["ids", "scalars"], ["log_p"]
    if KIND == "lstm":
        inputs += (torch.zeros(2, BATCH, 256), torch.zeros(2, BATCH, 256))
        names, outputs = names + ["h", "c"], outputs + ["h_next", "c_next"]
        free |= {"h": {1: "batch"}, "c": {1: "batch"}}
    torch.onnx.export(Scorer().eval(), inputs, path, input_names=names, output_names=outputs, opset_version=14,
                      dynamic_axes=free if KIND == "lstm" else None)


def finished():
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.monotonic()


def rate(step):
    step()
    n, start = 0, finished()
    while n == 0 or time.monotonic() - start < SECONDS:
        step()
        n += BATCH * LENGTH
    return n / (finished() - start)


def stream():
    times, state = [], None
    with torch.no_grad():
        for i in range(2000):
            start = time.monotonic()
            logits, state = model(ids[:1, i % LENGTH:i % LENGTH + 1], scalars[:1, i % LENGTH:i % LENGTH + 1], state)
            torch.log_softmax(logits, -1)
            times.append(finished() - start)
    return sorted(times)[len(times) // 2] * 1e6


if len(sys.argv) > 5 and sys.argv[4] == "export":
    export(sys.argv[5])
    sys.exit()
print(f"torch {torch.__version__}, {DEVICE}, {THREADS} threads, {sum(p.numel() for p in model.parameters())} parameters")
model.train()
print(f"train {rate(train):.0f} tokens/s")
model.eval()
print(f"score {rate(score):.0f} tokens/s")
if KIND == "lstm":
    torch.set_num_threads(1)
    print(f"stream {stream():.1f} us/event")
