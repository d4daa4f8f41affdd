// ONNX Runtime beside a model, for test_onnx: every file of CASES with its inputs; the graph's last rows must be the expected ones.
// Usage: node onnx_compare.js DIR CASES.json TOLERANCE; DIR holds node_modules/onnxruntime-node. Exit status 1 when one differs by more.
"use strict";
const fs = require("fs");
const path = require("path");
const [dir, cases, tolerance] = process.argv.slice(2);
const ort = require(path.join(path.resolve(dir), "node_modules", "onnxruntime-node"));

// The first n rows of all inputs.
function feeds(inputs, n) {
    const out = {};
    for (const [name, values] of Object.entries(inputs)) {
        out[name] = new ort.Tensor("int64", BigInt64Array.from(values.slice(0, n), BigInt), [n]);
    }
    return out;
}

function largest(a, b) {
    if (a.length !== b.length) throw new Error(`${a.length} values, not ${b.length}`);
    let most = 0;
    for (let i = 0; i < a.length; i++) {
        const difference = Math.abs(a[i] - b[i]);
        if (!(difference <= most)) most = difference; // and what is not a number
    }
    return most;
}

async function compare(c) {
    const session = await ort.InferenceSession.create(c.file, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
    const rows = Object.values(c.inputs)[0].length;
    const all = (await session.run(feeds(c.inputs, rows))).log_p;
    if (all.dims[0] !== rows || all.dims[1] !== c.columns) throw new Error(`${c.name}: log_p is (${all.dims})`);
    let most = largest(all.data.slice(all.data.length - c.log_p.length), c.log_p);
    // Nothing of the future, and sequences shorter than any window.
    for (const n of [1, 2, 9]) {
        const some = (await session.run(feeds(c.inputs, n))).log_p;
        const difference = largest(some.data, all.data.slice(0, n * c.columns));
        if (!(difference <= most)) most = difference;
    }
    console.log(`onnxruntime ${ort.env.versions.node}: ${c.name}: log-probabilities differ by at most ${most.toExponential(1)}`);
    return most <= Number(tolerance);
}

(async () => {
    let good = true;
    for (const c of JSON.parse(fs.readFileSync(cases, "utf8"))) good = (await compare(c)) && good;
    process.exit(good ? 0 : 1);
})().catch((error) => { console.error(`onnx_compare: ${error.message}`); process.exit(2); });
