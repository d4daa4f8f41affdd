#!/usr/bin/env python3
"""Cuts a time range out of a CTF 1.8 recording and writes it as a smaller one, event by event, bytes unchanged.

It reads the layout in which `strange` and its lab write CTF (docs/formats): little endian, byte-aligned, a packet context
with timestamp_begin … cpu_id, the large or compact LTTng event header, contexts and payloads of fixed-size integers.
Declarations of events that do not occur in the range are dropped, packets are made anew, and the trace gets a UUID that
follows from the old one and the range. Only the standard library is needed.

  ctf_cut.py --from-ns A --to-ns B IN OUT        all traces below IN, events with A <= time <= B
  ctf_cut.py --skip 1.0 --requests N IN OUT      from the first request's begin + 1 s to the end of the N-th request after it
  ctf_cut.py --list IN                           what is in it
"""
import argparse
import os
import re
import struct
import sys
import uuid

METADATA_MAGIC = 0x75D11D57
PACKET_MAGIC = 0xC1FC1FC1
PACKET_HEADER = struct.Struct("<I16sIQ")
PACKET_CONTEXT = struct.Struct("<QQQQQQI")
HEADER_SIZE = PACKET_HEADER.size + PACKET_CONTEXT.size
BEGIN, END = "httpd:enter_event_handler", "httpd:exit_event_handler"


def read_metadata(path):
    data = open(path, "rb").read()
    if struct.unpack_from("<I", data)[0] != METADATA_MAGIC:
        return data.decode()
    text, at = b"", 0
    while at < len(data):
        magic, _, _, content, size = struct.unpack_from("<I16sIII", data, at)
        if magic != METADATA_MAGIC or content // 8 < 37 or size < content or size == 0:
            sys.exit(f"{path}: {at}: malformed metadata packet")
        text += data[at + 37:at + content // 8]
        at += size // 8
    return text.decode()


def write_metadata(path, text, trace_uuid, packet=4096):
    body, out = text.encode(), b""
    for at in range(0, len(body), packet - 37):
        part = body[at:at + packet - 37]
        size = packet
        out += struct.pack("<I16sIIIBBBBB", METADATA_MAGIC, trace_uuid.bytes, 0, 8 * (37 + len(part)), 8 * size, 0, 0, 0, 1, 8)
        out += part + bytes(size - 37 - len(part))
    open(path, "wb").write(out)


def struct_size(body):
    """Bytes of a struct of integers and arrays of integers, and the offsets of its members."""
    offset, members = 0, {}
    for bits, name, n in re.findall(r"integer\s*{\s*size\s*=\s*(\d+);[^}]*}\s*(\w+)(?:\[(\d+)\])?;", body):
        members[name.lstrip("_")] = (offset, int(bits) // 8)
        offset += int(bits) // 8 * int(n or 1)
    return offset, members


class Trace:
    def __init__(self, path):
        self.path = path
        self.metadata = read_metadata(os.path.join(path, "metadata"))
        self.uuid = uuid.UUID(re.search(r'trace\s*{[^}]*?uuid\s*=\s*"([^"]+)"', self.metadata).group(1))
        self.large = "event.header := struct event_header_large" in self.metadata
        context = re.search(r"event\.context\s*:=\s*struct\s*{(.*?)^\t};", self.metadata, re.S | re.M)
        self.context_size, self.context = struct_size(context.group(1)) if context else (0, {})
        self.names, self.sizes, self.fields = {}, {}, {}
        for block in re.findall(r"^event {.*?^};\n", self.metadata, re.S | re.M):
            i = int(re.search(r"\bid = (\d+);", block).group(1))
            self.names[i] = re.search(r'name = "([^"]*)"', block).group(1)
            fields = re.search(r"fields\s*:=\s*struct\s*{(.*)", block, re.S)
            self.sizes[i], self.fields[i] = struct_size(fields.group(1)) if fields else (0, {})
        self.streams = sorted(n for n in os.listdir(path) if n != "metadata" and os.path.isfile(os.path.join(path, n)))

    def events(self, stream):
        """(time, id, first byte, end, payload's first byte) of each event, with the file's data."""
        data = open(os.path.join(self.path, stream), "rb").read()
        bits = 32 if self.large else 27
        mask = (1 << bits) - 1
        head = struct.Struct("<HI") if self.large else struct.Struct("<I")
        extended, head_size = (65535, 6) if self.large else (31, 4)
        extended_size, id_size = (14, 2) if self.large else (13, 1)
        at = 0
        while at < len(data):
            if struct.unpack_from("<I", data, at)[0] != PACKET_MAGIC:
                sys.exit(f"{self.path}/{stream}: {at}: not a packet")
            time, _, content, size, *_ = PACKET_CONTEXT.unpack_from(data, at + PACKET_HEADER.size)
            i, end = at + HEADER_SIZE, at + content // 8
            while i < end:
                if self.large:
                    event, stamp = head.unpack_from(data, i)
                else:
                    word = head.unpack_from(data, i)[0]
                    event, stamp = word & 31, word >> 5
                if event == extended:
                    event, time = struct.unpack_from("<IQ", data, i + id_size)
                    payload = i + extended_size + self.context_size
                else:
                    time += (stamp - time) & mask
                    payload = i + head_size + self.context_size
                after = payload + self.sizes[event]
                yield time, event, data, i, after, payload
                i = after
            at += size // 8

    def cpu(self, stream):
        with open(os.path.join(self.path, stream), "rb") as f:
            head = f.read(HEADER_SIZE)
        return PACKET_CONTEXT.unpack_from(head, PACKET_HEADER.size)[6], PACKET_HEADER.unpack_from(head)[2:4]


def find_traces(top):
    found = [d for d, _, files in sorted(os.walk(top)) if "metadata" in files]
    if not found:
        sys.exit(f"{top}: no CTF trace: no file `metadata` in it or below")
    return [Trace(d) for d in found]


def request_range(traces, skip_s, n_requests):
    """From the first begin + skip to the end of the n-th request that began after that."""
    marks = []
    for t in traces:
        if BEGIN not in t.names.values():
            continue
        vtid = t.context["vtid"][0] - t.context_size
        for s in t.streams:
            for time, event, data, _, _, payload in t.events(s):
                tid, = struct.unpack_from("<i", data, payload + vtid)
                state, = struct.unpack_from("<i", data, payload + t.fields[event]["connection_state"][0])
                marks.append((time, t.names[event], tid, state))
    marks.sort()
    start = next(m[0] for m in marks if m[1] == BEGIN) + round(skip_s * 1e9)
    begun, n = set(), 0
    for time, name, tid, state in marks:
        if time < start:
            continue
        if name == BEGIN and state not in (6, 7):
            begun.add(tid)
        elif name == END and tid in begun:
            begun.remove(tid)
            n += 1
            if n == n_requests:
                return start, time
    sys.exit(f"only {n} requests after the first {skip_s} s, {n_requests} wanted")


class Writer:
    """Packs events into packets of at most packet_size bytes."""

    def __init__(self, path, trace_uuid, ids, cpu, packet_size):
        self.file, self.uuid, self.ids, self.cpu, self.packet_size = open(path, "wb"), trace_uuid, ids, cpu, packet_size
        self.parts, self.size, self.begin, self.end, self.seq, self.lost = [], 0, 0, 0, 0, 0
        self.lost_at = {}

    def put(self, time, piece):
        if self.parts and HEADER_SIZE + self.size + len(piece) > self.packet_size:
            self.flush()
        if not self.parts:
            self.begin = time
        self.parts.append(piece)
        self.size += len(piece)
        self.end = time

    def flush(self):
        if not self.parts:
            return
        self.lost += self.lost_at.get(self.seq, 0)
        bits = 8 * (HEADER_SIZE + self.size)
        self.file.write(PACKET_HEADER.pack(PACKET_MAGIC, self.uuid.bytes, *self.ids))
        self.file.write(PACKET_CONTEXT.pack(self.begin, self.end, bits, bits, self.seq, self.lost, self.cpu))
        self.file.writelines(self.parts)
        self.parts, self.size, self.seq = [], 0, self.seq + 1

    def close(self):
        self.flush()
        self.file.close()


def cut(trace, out, first_ns, last_ns, args):
    os.makedirs(out, exist_ok=True)
    new_uuid = uuid.uuid5(trace.uuid, f"{first_ns} {last_ns}")
    used, n_events = set(), 0
    for stream in trace.streams:
        cpu, ids = trace.cpu(stream)
        writer = Writer(os.path.join(out, stream), new_uuid, ids, cpu, args.packet_bytes)
        if args.lost and trace.large:
            writer.lost_at = {1: args.lost}
        for time, event, data, at, after, _ in trace.events(stream):
            if time > last_ns:
                break
            if time >= first_ns:
                writer.put(time, data[at:after])
                used.add(event)
                n_events += 1
        writer.close()
    text = re.sub(r"^event {.*?^};\n\n?", lambda m: m.group(0) if int(re.search(r"\bid = (\d+);", m.group(0)).group(1)) in used
                  else "", trace.metadata, flags=re.S | re.M)
    write_metadata(os.path.join(out, "metadata"), text.replace(str(trace.uuid), str(new_uuid)), new_uuid)
    return n_events


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--from-ns", type=int, default=0)
    p.add_argument("--to-ns", type=int, default=2**64 - 1)
    p.add_argument("--skip", type=float, default=0.0, help="seconds after the first request's begin")
    p.add_argument("--requests", type=int)
    p.add_argument("--packet-bytes", type=int, default=1 << 20)
    p.add_argument("--lost", type=int, default=0, help="tests: claim this many lost events in the second packet of each kernel stream")
    p.add_argument("--list", action="store_true")
    p.add_argument("input")
    p.add_argument("output", nargs="?")
    args = p.parse_args()
    traces = find_traces(args.input)
    if args.list:
        for t in traces:
            print(t.path, t.streams, len(t.names), "event classes")
        return
    if args.output is None:
        p.error("where to? give OUT")
    first_ns, last_ns = args.from_ns, args.to_ns
    if args.requests:
        first_ns, last_ns = request_range(traces, args.skip, args.requests)
    for t in traces:
        n = cut(t, os.path.join(args.output, os.path.relpath(t.path, args.input)), first_ns, last_ns, args)
        print(f"{t.path}: {n} events from {first_ns} to {last_ns} ns")


if __name__ == "__main__":
    main()
