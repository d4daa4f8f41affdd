// A user of an ONNX file, who knows docs/formats/onnx.md and nothing else: from the events of a table (`export --to csv`) to their surprisals,
// which must be those of the table. Data without context rows. Exit status 1 when one differs by more than 1e-4 nats.
// Usage: node onnx_events.js DIR FILE.onnx EVENTS.csv SEQUENCES.csv; DIR holds node_modules/onnxruntime-node.
"use strict";
const fs = require("fs");
const os = require("os");
const path = require("path");
const [dir, file, table, sequences] = process.argv.slice(2);
const ort = require(path.join(path.resolve(dir), "node_modules", "onnxruntime-node"));
const UNKNOWN = 1, START = 2;

function* fields(bytes) { // of a message of Protocol Buffers
    let at = 0;
    const varint = () => {
        for (let value = 0n, shift = 0n; ; shift += 7n) {
            const byte = bytes[at++];
            value |= BigInt(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
    };
    while (at < bytes.length) {
        const tag = Number(varint()), type = tag & 7;
        if (type === 0) { yield [tag >> 3, varint()]; continue; }
        const n = type === 2 ? Number(varint()) : 4;
        yield [tag >> 3, bytes.subarray(at, at + n)];
        at += n;
    }
}

function metadata(bytes) {
    const out = {};
    for (const [number, entry] of fields(bytes)) {
        if (number !== 14) continue;
        const pair = Object.fromEntries(fields(entry));
        out[pair[1].toString("utf8")] = pair[2].toString("utf8");
    }
    return out;
}

const meta = metadata(fs.readFileSync(file));
const symbols = JSON.parse(meta["symbols"]), calls = JSON.parse(meta["vocab.calls"]), procs = JSON.parse(meta["vocab.procs"]);
const recipe = JSON.parse(meta["recipe"]);
const place = (list, name) => (list.indexOf(name) < 0 ? UNKNOWN : list.indexOf(name));
const second = ["EWOULDBLOCK", "ENOTSUP", "EDEADLOCK"]; // names of numbers that have another one
const errnos = Object.fromEntries(Object.entries(os.constants.errno).filter(([name]) => !second.includes(name)).map(([name, number]) => [number, name]));
const failed = (event) => event.ret === "failed" || (event.ret < 0 && event.ret >= -4095);

function symbol(event) {
    if (meta["model.input"] === "paper") return place(calls, event.call);
    const text = `${event.call} ${event.phase}`;
    if (event.phase !== "exit" || event.ret === "") return place(symbols, text);
    if (event.ret === "failed") return place(symbols, `${text} failed`);
    if (failed(event)) return place(symbols, `${text} ${errnos[-event.ret] || `errno ${-event.ret}`}`);
    const plain = symbols.indexOf(text);
    if (plain >= 0) return plain;
    const sized = symbols.findIndex((s) => {
        const [least, most] = s.startsWith(`${text} `) ? s.slice(text.length + 1).split("-").map(Number) : [NaN];
        return event.ret >= least && event.ret <= (most === undefined ? least : most);
    });
    return sized < 0 ? UNKNOWN : sized;
}

function rowsOf(path) {
    const [head, ...lines] = fs.readFileSync(path, "utf8").trim().split("\r\n").map((line) => line.split(",").map((f) => f.replace(/^"(.*)"$/, "$1")));
    return lines.map((line) => Object.fromEntries(line.map((value, i) => [head[i], value])));
}

function read() { // events by sequence
    const out = new Map(rowsOf(sequences).map((s) => [s.id, { begin: BigInt(s.begin_ns), events: [] }]));
    for (const event of rowsOf(table)) out.get(event.id).events.push(event);
    return [...out.values()];
}

function walks(sequence) {
    if (recipe.order === "time") return [sequence];
    return [...new Set(sequence.map((e) => e.tid))].map((tid) => sequence.filter((e) => e.tid === tid));
}

function rows(walk, begin) {
    const first = walk[0];
    const paper = meta["model.input"] === "paper";
    const out = [paper ? { call: START, process: START, phase: 0, return_class: 0, pid: first.pid, tid: first.tid, elapsed_ns: 0n, order: 0 }
                       : { symbol: START, process: START, elapsed_ns: 0n, order: 0 }];
    let last = begin;
    walk.forEach((event, i) => {
        const row = { process: place(procs, event.process), elapsed_ns: BigInt(event.time_ns) - last, order: i + 1 };
        last = BigInt(event.time_ns);
        if (!paper) { out.push({ ...row, symbol: symbol(event) }); return; }
        const exit = event.phase === "exit";
        out.push({ ...row, call: symbol(event), phase: exit ? 2 : 1, return_class: !exit || event.ret === "" ? 0 : failed(event) ? 2 : 1, pid: event.pid,
                   tid: event.tid });
    });
    return out;
}

(async () => {
    const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 3 });
    let most = 0, n = 0;
    for (const sequence of read()) {
        for (const walk of walks(sequence.events)) {
            const input = rows(walk, sequence.begin);
            const feeds = {};
            for (const name of session.inputNames) {
                feeds[name] = new ort.Tensor("int64", BigInt64Array.from(input, (row) => BigInt(row[name])), [input.length]);
            }
            const { log_p: out } = await session.run(feeds);
            walk.forEach((event, i) => {
                const difference = Math.abs(-out.data[i * out.dims[1] + symbol(event)] - event.surprisal) - 1e-5 * event.surprisal; // of six digits
                if (!(difference <= most)) most = difference;
                n++;
            });
        }
    }
    console.log(`${n} events, surprisals differ by at most ${most.toExponential(1)}`);
    process.exit(n > 0 && most <= 1e-4 ? 0 : 1);
})().catch((error) => { console.error(`onnx_events: ${error.message}`); process.exit(2); });
