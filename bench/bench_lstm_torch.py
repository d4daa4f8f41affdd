#!/usr/bin/python3
"""PyTorch beside bench_lstm: the same shape (95 calls, 58 processes, batch 16 x 1100, 2 layers of 256), the same output lines.
Usage: bench_lstm_torch.py [threads] [seconds]. tools/bench sets the environment in which PyTorch is fastest."""
import sys
import time

import torch

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 2
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 10
BATCH, LENGTH, CALLS, PROCESSES, WAVE = 16, 1100, 95, 58, 12


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.call = torch.nn.Embedding(CALLS, 48)
        self.process = torch.nn.Embedding(PROCESSES, 48)
        self.entry = torch.nn.Embedding(3, WAVE)
        self.ret = torch.nn.Embedding(3, WAVE)
        self.lstm = torch.nn.LSTM(168, 256, 2, dropout=0.05, batch_first=True)
        self.head = torch.nn.Linear(256, CALLS)
        self.register_buffer("scale", 1e6 ** (-torch.arange(0, WAVE, 2) / WAVE))

    def rows(self, ids, scalars):
        angle = scalars.unsqueeze(-1) * self.scale
        waves = torch.stack((angle.sin(), angle.cos()), -1).flatten(2)
        return torch.cat((self.call(ids[..., 0]), self.process(ids[..., 1]), self.entry(ids[..., 2]), self.ret(ids[..., 3]), waves), -1)

    def forward(self, ids, scalars, state=None):
        h, state = self.lstm(self.rows(ids, scalars), state)
        return self.head(h), state


torch.set_num_threads(THREADS)
torch.manual_seed(1)
model = Model()
ids = torch.stack([torch.randint(n, (BATCH, LENGTH)) for n in (CALLS, PROCESSES, 3, 3)], -1)
scalars = torch.randint(100000, (BATCH, LENGTH, 4)).float()
target = torch.randint(CALLS, (BATCH, LENGTH))
loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
adam = torch.optim.Adam(model.parameters(), lr=1e-3)


def train():
    adam.zero_grad()
    logits, _ = model(ids, scalars)
    loss_of(logits.flatten(0, 1), target.flatten()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
    adam.step()


def score():
    with torch.no_grad():
        logits, _ = model(ids, scalars)
        torch.log_softmax(logits, -1).gather(-1, target.unsqueeze(-1))


def rate(step):
    step()
    n, start = 0, time.monotonic()
    while n == 0 or time.monotonic() - start < SECONDS:
        step()
        n += BATCH * LENGTH
    return n / (time.monotonic() - start)


def stream():
    times, state = [], None
    with torch.no_grad():
        for i in range(2000):
            start = time.monotonic()
            logits, state = model(ids[:1, i % LENGTH:i % LENGTH + 1], scalars[:1, i % LENGTH:i % LENGTH + 1], state)
            torch.log_softmax(logits, -1)
            times.append(time.monotonic() - start)
    return sorted(times)[len(times) // 2] * 1e6


print(f"torch {torch.__version__}, {THREADS} threads, {sum(p.numel() for p in model.parameters())} parameters")
model.train()
print(f"train {rate(train):.0f} tokens/s")
model.eval()
print(f"score {rate(score):.0f} tokens/s")
torch.set_num_threads(1)
print(f"stream {stream():.1f} us/event")
