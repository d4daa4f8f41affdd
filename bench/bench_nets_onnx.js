// ONNX Runtime beside bench_nets: nets that bench_nets_torch.py exported, the same batches and output lines.
// Usage: node bench_nets_onnx.js DIR lstm|transformer|longformer FILE.onnx [threads] [seconds]; DIR holds node_modules/onnxruntime-node.
"use strict";
const path = require("path");
const [dir, kind, file, threads = "2", seconds = "10"] = process.argv.slice(2);
const ort = require(path.join(path.resolve(dir), "node_modules", "onnxruntime-node"));

const BATCH = 16, LENGTH = 1100, FIELDS = [95, 58, 3, 3], HIDDEN = 256, LAYERS = 2;

function open(n) {
    return ort.InferenceSession.create(file, { intraOpNumThreads: n, interOpNumThreads: 1, executionMode: "sequential",
        graphOptimizationLevel: "all" });
}

function rows(batch, length) {
    const n = batch * length;
    const ids = BigInt64Array.from({ length: n * 4 }, (_, i) => BigInt(Math.floor(Math.random() * FIELDS[i % 4])));
    const scalars = Float32Array.from({ length: n * 4 }, () => Math.floor(Math.random() * 100000));
    return { ids: new ort.Tensor("int64", ids, [batch, length, 4]), scalars: new ort.Tensor("float32", scalars, [batch, length, 4]) };
}

function state(batch) {
    const zero = () => new ort.Tensor("float32", new Float32Array(LAYERS * batch * HIDDEN), [LAYERS, batch, HIDDEN]);
    return kind === "lstm" ? { h: zero(), c: zero() } : {};
}

async function score() {
    const session = await open(Number(threads));
    const feeds = { ...rows(BATCH, LENGTH), ...state(BATCH) };
    await session.run(feeds);
    const start = process.hrtime.bigint();
    let n = 0, elapsed = 0;
    do {
        await session.run(feeds);
        n += BATCH * LENGTH;
        elapsed = Number(process.hrtime.bigint() - start) / 1e9;
    } while (elapsed < Number(seconds));
    console.log(`score ${(n / elapsed).toFixed(0)} tokens/s`);
}

async function stream() { // the median of an event, with the call from JavaScript
    const session = await open(1);
    const events = Array.from({ length: 64 }, () => rows(1, 1));
    const times = [];
    let last = state(1);
    for (let i = 0; i < 3000; i++) {
        const start = process.hrtime.bigint();
        const out = await session.run({ ...events[i % events.length], ...last });
        times.push(Number(process.hrtime.bigint() - start) / 1e3);
        last = { h: out.h_next, c: out.c_next };
    }
    times.sort((a, b) => a - b);
    console.log(`stream ${times[times.length / 2].toFixed(1)} us/event`);
}

(async () => {
    console.log(`onnxruntime ${ort.env.versions.node}, ${threads} threads`);
    await score();
    if (kind === "lstm") await stream();
})().catch((error) => { console.error(`bench_nets_onnx: ${error.message}`); process.exit(2); });
