"""Reads an index by format/SPEC.md alone and ranks all passages by exact MaxSim over the decoded vectors, in float64.

    python scripts/goldenIndex.py test/golden/index

An independent reader (numpy, msgpack from PyPI): what it finds is what the golden test expects of Tartan's own.
Writes expected.json: for each index and query the ids by falling score, and the scores. Deleted passages are left out.
"""
import hashlib
import json
import os
import sys

import msgpack
import numpy as np

POLYNOMIAL = 0x82F63B78
TABLE = []
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    TABLE.append(crc)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def read_head(data, kind):
    """SPEC 3.1: the header map, checked."""
    assert data[5:11] == b"TARTAN" and data[11:12] == kind and data[12:14] == b"\x02\x00"
    assert crc32c(data[:24]) == int.from_bytes(data[24:28], "little")
    start = 5 + data[4]
    header = data[start : start + int.from_bytes(data[16:20], "little")]
    assert crc32c(header) == int.from_bytes(data[20:24], "little")
    return msgpack.unpackb(header)


def read_sections(owner, parts):
    """SPEC 4.2: the payloads of the chunks, one after another."""
    sections = {}
    for section in owner["sections"]:
        payload = b""
        for chunk in section["chunks"]:
            piece = parts[chunk["part"]][chunk["offset"] : chunk["offset"] + chunk["length"]]
            assert crc32c(piece) == chunk["crc32c"]
            payload += piece
        sections[section["name"]] = payload
    return sections


def read_index(folder):
    read = lambda name: open(os.path.join(folder, name), "rb").read()
    manifest = read_head(read("index.msgpack"), b"M")
    assert set(manifest["requires"]) <= {"sharedQuantisers", "tombstones"}
    parts = []
    for part in manifest["parts"]:
        data = read(part["name"])
        assert len(data) == part["bytes"] and hashlib.sha256(data).hexdigest()[:32] + ".msgpack" == part["name"]
        read_head(data, b"P")
        msgpack.unpackb(data)  # one valid MessagePack document
        parts.append(data)
    quantisers = [(quantiser, read_sections(quantiser, parts)) for quantiser in manifest["quantisers"]]
    segments = [(segment, read_sections(segment, parts)) for segment in manifest["segments"]]
    return manifest["dim"], quantisers, segments


def deleted_pids(segment, sections):
    """SPEC 5.4: both encodings."""
    if segment["deleted"] == 0:
        assert "tombstones" not in sections
        return set()
    data = sections["tombstones"]
    assert crc32c(data[:-4]) == int.from_bytes(data[-4:], "little")
    content = data[1:-4]
    if data[0] == 1:
        assert len(content) == (segment["passages"] + 7) // 8
        pids = {pid for pid in range(segment["passages"]) if content[pid // 8] >> (pid % 8) & 1}
    else:
        assert data[0] == 0
        pids, previous, gap, shift = set(), -1, 0, 0
        for byte in content:
            gap, shift = gap | (byte & 127) << shift, shift + 7
            if byte < 128:
                previous += gap + 1
                pids.add(previous)
                gap, shift = 0, 0
    assert len(pids) == segment["deleted"] and max(pids) < segment["passages"]
    return pids


def decode_passages(dim, quantiser, tables, sections):
    """SPEC 4.4 and 5.1: f64[tokens][dim] of each passage."""
    codec = quantiser["codec"]
    nbits, weights = codec["nbits"], np.array(codec["bucketWeights"])
    centroids = np.frombuffer(tables["centroids"], "i1").reshape(-1, dim).astype(float)
    centroids *= np.frombuffer(tables["centroidScales"], "<f4")[:, None]
    rows, at, passages = sections["rows"], 0, []
    for tokens in np.frombuffer(sections["passageLengths"], "<u2"):
        tokens = int(tokens)
        residual_bytes = dim * nbits // 8
        end = at + tokens * (3 + residual_bytes)
        assert crc32c(rows[at:end]) == int.from_bytes(rows[end : end + 4], "little")
        codes = np.frombuffer(rows, "<u2", tokens, at)
        norms = np.frombuffer(rows, "u1", tokens, at + tokens * 2).astype(float)
        packed = np.frombuffer(rows, "u1", tokens * residual_bytes, at + tokens * 3).reshape(tokens, -1)
        bits = np.unpackbits(packed, axis=1).reshape(tokens, dim, nbits)
        buckets = (bits * (1 << np.arange(nbits))).sum(-1)
        inverse = codec["inverseNormMin"] + norms * codec["inverseNormStep"]
        passages.append((centroids[codes] + weights[buckets]) * inverse[:, None])
        at = end + 4
    assert at == len(rows)
    return passages


def live_passages(folder):
    """Values a vector, and (id, decoded vectors) of every passage that is not deleted."""
    dim, quantisers, segments = read_index(folder)
    live = []
    for segment, sections in segments:
        deleted = deleted_pids(segment, sections)
        offsets = np.frombuffer(sections["idOffsets"], "<u4")
        ids = [sections["ids"][a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        passages = decode_passages(dim, *quantisers[segment["quantiser"]], sections)
        assert len(passages) == len(ids) == segment["passages"]
        live += [pair for pid, pair in enumerate(zip(ids, passages)) if pid not in deleted]
    assert len({id for id, _ in live}) == len(live)
    return dim, live


def main(root):
    expected = {}
    for name in ("nbits1", "nbits2", "nbits4", "segments"):
        dim, live = live_passages(os.path.join(root, name))
        queries = np.fromfile(os.path.join(root, "queries.f16"), "<f2").astype(float).reshape(-1, 32, dim)
        expected[name] = []
        for query in queries:
            scored = [(float((query @ passage.T).max(1).sum()), id) for id, passage in live]
            scored.sort(key=lambda pair: -pair[0])
            expected[name].append({"ids": [id for _, id in scored], "scores": [round(score, 5) for score, _ in scored]})
    with open(os.path.join(root, "expected.json"), "w") as file:
        json.dump(expected, file, indent=1)


main(sys.argv[1])
