#!/usr/bin/python3
"""Writes tests/data/lstm/fixture.txt: a small LSTM language model as PyTorch computes it, in double precision.

Usage: tools/lstm_fixture.py > tests/data/lstm/fixture.txt   (Debian: apt install python3-torch)

Each line is a name, the number of values and the values. Weights are written in this project's layout (inputs, outputs),
the transpose of PyTorch's. test_nn_lstm.c reads the file and compares.
"""
import torch
from torch import nn

VOCAB, TABLES, WAVES, WAVE_DIM, HIDDEN, LAYERS = 11, [(11, 5), (3, 3)], 1, 4, 8, 2
LENGTHS, SMOOTHING, RATE, CLIP, STEPS = [7, 5, 1], 0.1, 1e-2, 0.1, 5
UNSCORED = -100
out = []


def put(name, values, form="%.6f"):
    values = values.flatten().tolist() if torch.is_tensor(values) else values
    out.append(" ".join([name, str(len(values))] + [form % v for v in values]))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.ModuleList(nn.Embedding(rows, dim) for rows, dim in TABLES)
        width = sum(dim for _, dim in TABLES) + WAVES * WAVE_DIM
        self.lstm = nn.LSTM(width, HIDDEN, LAYERS, batch_first=True)
        self.head = nn.Linear(HIDDEN, VOCAB)

    def forward(self, ids, scalars):
        # Vaswani et al. 2017, section 3.5, with base 1e6: pairs of sine and cosine.
        scale = 1e6 ** (-torch.arange(0, WAVE_DIM, 2, dtype=torch.float64) / WAVE_DIM)
        angle = scalars.unsqueeze(-1) * scale
        waves = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
        x = torch.cat([table(ids[:, f]) for f, table in enumerate(self.embed)] + [waves], 1)
        return self.head(self.lstm(x.unsqueeze(0))[0].squeeze(0))

    def ours(self):
        """(name in this project, parameter), in the order of our table."""
        for f, table in enumerate(self.embed):
            yield f"embed.{f}", table.weight
        for l in range(LAYERS):
            yield f"lstm.{l}.weight_input", getattr(self.lstm, f"weight_ih_l{l}")
            yield f"lstm.{l}.weight_hidden", getattr(self.lstm, f"weight_hh_l{l}")
            yield f"lstm.{l}.bias_input", getattr(self.lstm, f"bias_ih_l{l}")
            yield f"lstm.{l}.bias_hidden", getattr(self.lstm, f"bias_hh_l{l}")
        yield "head.weight", self.head.weight
        yield "head.bias", self.head.bias


def put_all(net, prefix, of):
    for name, p in net.ours():
        value = of(p)
        put(prefix + name, value.t() if "weight" in name else value, "%.7g")


def main():
    torch.manual_seed(1)
    net = Net().double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_((p * 1e4).round() / 1e4)  # so that the text holds the values themselves
    ids = [torch.stack([torch.randint(rows, (n,)) for rows, _ in TABLES], 1) for n in LENGTHS]
    scalars = [torch.randint(100000, (n, WAVES)).double() for n in LENGTHS]
    target = [torch.randint(VOCAB, (n,)) for n in LENGTHS]
    target[0][2] = UNSCORED
    put("lengths", LENGTHS, "%d")
    put("ids", torch.cat(ids), "%d")
    put("scalars", torch.cat(scalars), "%d")
    put("target", torch.cat(target), "%d")
    put_all(net, "value.", lambda p: p.detach())
    smooth = nn.CrossEntropyLoss(label_smoothing=SMOOTHING, ignore_index=UNSCORED)
    plain = nn.CrossEntropyLoss(ignore_index=UNSCORED, reduction="none")
    adam = torch.optim.Adam(net.parameters(), lr=RATE)
    norms = []
    for step in range(STEPS):
        adam.zero_grad()
        logits = torch.cat([net(i, s) for i, s in zip(ids, scalars)])
        objective = smooth(logits, torch.cat(target))
        objective.backward()
        if step == 0:
            put("log_p", logits.detach().log_softmax(1), "%.7g")
            put("surprisal", plain(logits, torch.cat(target)).detach(), "%.7g")
            put("objective", [objective.item()], "%.9g")
            put_all(net, "gradient.", lambda p: p.grad)
        norms.append(nn.utils.clip_grad_norm_(net.parameters(), CLIP).item())
        adam.step()
    put("norms", norms, "%.9g")
    put_all(net, "after.", lambda p: p.detach())
    print("\n".join(out))


main()
