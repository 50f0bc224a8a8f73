"""Reads an index by format/SPEC.md alone and ranks all passages by exact MaxSim over the decoded vectors, in float64.

    python scripts/goldenIndex.py test/golden/index

An independent reader (numpy, msgpack from PyPI): what it finds is what the golden test expects of Tartan's own.
Writes expected.json: for each index and query the ids by falling score, and the scores.
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
    assert data[5:11] == b"TARTAN" and data[11:12] == kind and data[12:14] == b"\x01\x00"
    assert crc32c(data[:24]) == int.from_bytes(data[24:28], "little")
    start = 5 + data[4]
    header = data[start : start + int.from_bytes(data[16:20], "little")]
    assert crc32c(header) == int.from_bytes(data[20:24], "little")
    return msgpack.unpackb(header)


def read_index(folder):
    read = lambda name: open(os.path.join(folder, name), "rb").read()
    manifest = read_head(read("index.msgpack"), b"M")
    parts = []
    for part in manifest["parts"]:
        data = read(part["name"])
        assert len(data) == part["bytes"] and hashlib.sha256(data).hexdigest()[:32] + ".msgpack" == part["name"]
        read_head(data, b"P")
        msgpack.unpackb(data)  # one valid MessagePack document
        parts.append(data)
    (segment,) = manifest["segments"]
    sections = {}
    for section in segment["sections"]:
        payload = b""
        for chunk in section["chunks"]:
            piece = parts[chunk["part"]][chunk["offset"] : chunk["offset"] + chunk["length"]]
            assert crc32c(piece) == chunk["crc32c"]
            payload += piece
        sections[section["name"]] = payload
    return manifest["dim"], segment, sections


def decode_passages(dim, segment, sections):
    """SPEC 4.4 and 5.1: f64[tokens][dim] of each passage."""
    codec = segment["codec"]
    nbits, weights = codec["nbits"], np.array(codec["bucketWeights"])
    centroids = np.frombuffer(sections["centroids"], "i1").reshape(-1, dim).astype(float)
    centroids *= np.frombuffer(sections["centroidScales"], "<f4")[:, None]
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


def main(root):
    expected = {}
    for name in ("nbits1", "nbits2", "nbits4"):
        dim, segment, sections = read_index(os.path.join(root, name))
        offsets = np.frombuffer(sections["idOffsets"], "<u4")
        ids = [sections["ids"][a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        passages = decode_passages(dim, segment, sections)
        queries = np.fromfile(os.path.join(root, "queries.f16"), "<f2").astype(float).reshape(-1, 32, dim)
        expected[name] = []
        for query in queries:
            scores = [float((query @ passage.T).max(1).sum()) for passage in passages]
            order = sorted(range(len(ids)), key=lambda pid: -scores[pid])
            expected[name].append({"ids": [ids[pid] for pid in order], "scores": [round(scores[pid], 5) for pid in order]})
    with open(os.path.join(root, "expected.json"), "w") as file:
        json.dump(expected, file, indent=1)


main(sys.argv[1])
