"""Copies small indexes written by other engines into neutral files for the tests (test/golden/<engine>/<name>/).

  goldenFixtures.py FIXTURES GOLDEN --colbert-source DIR

FIXTURES   folder with colbert/, fast-plaid/, next-plaid/ as the engines wrote them (rankings.json beside index/)
GOLDEN     test/golden of this project
DIR        an unpacked colbert_ai-0.2.22 source distribution; its unmodified search/filter_pids.cpp is compiled to write
           filterPids.json, because the recorded rankings never cut a candidate (60 passages, ndocs/4 >= 64)

Needs numpy and g++, not torch: a .pt file is a zip of a pickle and of raw storages. Nothing is re-encoded: codes are
narrowed from i32/i64 to u16, everything else keeps its bits. Same input -> same bytes.
"""
import argparse
import ctypes
import io
import json
import os
import pickle
import subprocess
import tempfile
import zipfile

import numpy as np

COPIES = {
    "colbert": ["mxbai60-nbits2", "scifact60-nbits2", "scifact60-nbits4"],
    "fast-plaid": ["mxbai60-nbits4", "scifact60-nbits2"],
    "next-plaid": ["mxbai60-nbits2", "scifact60-nbits4"],
}
RANKINGS = {
    "colbert": {"exhaustive": "exhaustive", "default_k10": "defaultK10", "default_k100": "defaultK100"},
    "fast-plaid": {"exhaustive": "exhaustive"},
    "next-plaid": {"exhaustive_float_rescore": "exhaustive"},
}
# (ncells, centroidScoreThreshold, ndocs) that make filter_pids throw candidates away; all but the fourth in both passes.
FILTERS = [(1, 0.5, 16), (2, 0.45, 40), (4, 0.4, 24), (8, 0.6, 100), (1, 0.95, 20)]

STORAGE_TYPES = {"HalfStorage": "<f2", "FloatStorage": "<f4", "IntStorage": "<i4", "LongStorage": "<i8", "ByteStorage": "u1"}


class TorchUnpickler(pickle.Unpickler):
    """Builds numpy arrays where torch would build tensors; knows nothing but plain contiguous CPU tensors."""

    def __init__(self, archive, prefix):
        super().__init__(io.BytesIO(archive.read(f"{prefix}/data.pkl")))
        self.archive, self.prefix = archive, prefix

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2":
            return self.tensor
        if module == "torch" and name in STORAGE_TYPES:
            return STORAGE_TYPES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain tensor")

    def persistent_load(self, key):
        _, dtype, name, _, count = key
        return np.frombuffer(self.archive.read(f"{self.prefix}/data/{name}"), dtype=dtype, count=count)

    def tensor(self, storage, offset, size, stride, *_):
        contiguous = tuple(int(np.prod(size[i + 1 :])) for i in range(len(size)))
        assert tuple(stride) == contiguous, (size, stride)
        return storage[offset : offset + int(np.prod(size))].reshape(size)


def load_pt(path):
    with zipfile.ZipFile(path) as archive:
        prefix = next(n for n in archive.namelist() if n.endswith("/data.pkl")).split("/")[0]
        return TorchUnpickler(archive, prefix).load()


def read_colbert(index):
    chunks = range(json.load(open(f"{index}/metadata.json"))["num_chunks"])
    cutoffs, weights = load_pt(f"{index}/buckets.pt")
    ivf, ivf_lengths = load_pt(f"{index}/ivf.pid.pt")
    return {
        "centroids": load_pt(f"{index}/centroids.pt"),
        "codes": np.concatenate([load_pt(f"{index}/{c}.codes.pt") for c in chunks]),
        "residuals": np.concatenate([load_pt(f"{index}/{c}.residuals.pt") for c in chunks]),
        "doclens": sum((json.load(open(f"{index}/doclens.{c}.json")) for c in chunks), []),
        "ivf": ivf,
        "ivfLengths": ivf_lengths,
        "bucketCutoffs": cutoffs,
        "bucketWeights": weights,
    }


def read_npy_index(index):
    arrays = {
        "centroids": np.load(f"{index}/centroids.npy"),
        "codes": np.load(f"{index}/0.codes.npy"),
        "residuals": np.load(f"{index}/0.residuals.npy"),
        "doclens": json.load(open(f"{index}/doclens.0.json")),
        "ivf": np.load(f"{index}/ivf.npy"),
        "ivfLengths": np.load(f"{index}/ivf_lengths.npy"),
        "bucketCutoffs": np.load(f"{index}/bucket_cutoffs.npy"),
        "bucketWeights": np.load(f"{index}/bucket_weights.npy"),
    }
    if os.path.exists(f"{index}/0.inv_norms.npy"):
        arrays["inverseNorms"] = np.load(f"{index}/0.inv_norms.npy")
    return arrays


def narrow(array, dtype):
    result = np.asarray(array).astype(dtype)
    assert (result == array).all()
    return result


def write_index(arrays, queries, note, folder):
    """Every array under its name with its type as ending; index.json has the shapes."""
    centroids = np.asarray(arrays["centroids"])
    out = {
        "centroids": centroids,
        "codes": narrow(arrays["codes"], "<u2"),
        "residuals": arrays["residuals"],
        "doclens": narrow(arrays["doclens"], "<u2"),
        "ivf": narrow(arrays["ivf"], "<u4"),
        "ivfLengths": narrow(arrays["ivfLengths"], "<u4"),
        "bucketCutoffs": arrays["bucketCutoffs"].astype("<f4"),
        "bucketWeights": arrays["bucketWeights"].astype("<f4"),
        "queries": queries,
    }
    if "inverseNorms" in arrays:
        out["inverseNorms"] = arrays["inverseNorms"]
    names = {"float16": "f16", "float32": "f32", "uint8": "u8", "uint16": "u16", "uint32": "u32"}
    files = {}
    for name, array in out.items():
        kind = names[array.dtype.name]
        array.tofile(f"{folder}/{name}.{kind}")
        files[name] = {"file": f"{name}.{kind}", "type": kind, "shape": list(array.shape)}
    nbits = int(np.log2(len(arrays["bucketWeights"])))
    with open(f"{folder}/index.json", "w") as f:
        json.dump({**note, "dim": centroids.shape[1], "nbits": nbits, "arrays": files}, f, indent=1)
        f.write("\n")


# What filter_pids.cpp asks of torch, and a C entry to it.
SHIM_HEADER = r"""
#pragma once
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <unordered_set>
#include <vector>
namespace at { inline int get_num_threads() { return 1; } }
namespace torch {
enum Type { kInt32 };
struct TensorOptions {
    TensorOptions dtype(Type) { return *this; }
    TensorOptions requires_grad(bool) { return *this; }
};
struct Tensor {
    void* data; std::vector<int64_t> sizes; std::vector<int> own;
    int64_t size(int i) const { return sizes[i]; }
    template <class T> T* data_ptr() const { return (T*)data; }
    Tensor clone() const { int* p = (int*)data; return Tensor{nullptr, sizes, std::vector<int>(p, p + sizes[0])}; }
};
inline Tensor from_blob(void* data, std::vector<int64_t> sizes, TensorOptions) { return Tensor{data, sizes, {}}; }
}
namespace py { struct gil_scoped_release {}; template <class T> struct call_guard {}; }
#define PYBIND11_MODULE(name, m) template <class Module> void bind(Module m)
"""
SHIM_ENTRY = r"""
#include "filter_pids.cpp"
extern "C" int run(int npids, int cells, int rows, int* pids, float* scores, int* codes, int64_t* doclens,
                   int64_t* offsets, bool* idx, int ndocs, int* out) {
    using torch::Tensor;
    Tensor kept = filter_pids(Tensor{pids, {npids}, {}}, Tensor{scores, {cells, rows}, {}}, Tensor{codes, {}, {}},
                              Tensor{doclens, {}, {}}, Tensor{offsets, {}, {}}, Tensor{idx, {}, {}}, ndocs);
    for (size_t i = 0; i < kept.own.size(); i++) out[i] = kept.own[i];
    return (int)kept.own.size();
}
"""


def compile_filter(colbert_source, folder):
    os.makedirs(f"{folder}/torch")
    open(f"{folder}/torch/extension.h", "w").write(SHIM_HEADER)
    open(f"{folder}/entry.cpp", "w").write(SHIM_ENTRY)
    source = os.path.join(colbert_source, "colbert", "search")
    command = ["g++", "-O3", "-shared", "-fPIC", "-pthread", f"-I{folder}", f"-I{source}", "-o", f"{folder}/filter.so"]
    subprocess.run([*command, f"{folder}/entry.cpp"], check=True)
    return ctypes.CDLL(f"{folder}/filter.so")


def filter_rankings(library, arrays, queries):
    """What ColBERT's own filter_pids keeps of the candidates of each query, for each entry of FILTERS."""
    centroids = arrays["centroids"].astype("<f4")
    codes = arrays["codes"].astype("<i4")
    doclens = np.asarray(arrays["doclens"], "<i8")
    offsets = np.concatenate([[0], np.cumsum(doclens)]).astype("<i8")
    ends = np.cumsum(arrays["ivfLengths"])
    starts = ends - arrays["ivfLengths"]
    pointer = lambda a: a.ctypes.data_as(ctypes.c_void_p)
    results = []
    for ncells, threshold, ndocs in FILTERS:
        kept, candidates = [], []
        for query in queries.astype("<f4"):
            scores = np.ascontiguousarray(centroids @ query.T)
            cells = np.unique(np.argsort(-scores, axis=0, kind="stable")[:ncells])
            pids = np.unique(np.concatenate([arrays["ivf"][starts[c] : ends[c]] for c in cells])).astype("<i4")
            mask = scores.max(1) >= np.float32(threshold)
            out = np.zeros(ndocs, "<i4")
            sizes = (len(pids), len(centroids), len(query))
            inputs = (pids, scores, codes, doclens, offsets, mask)
            count = library.run(*sizes, *map(pointer, inputs), ndocs, pointer(out))
            candidates.append(len(pids))
            kept.append(out[:count].tolist())
        results.append(
            {"ncells": ncells, "centroidScoreThreshold": threshold, "ndocs": ndocs, "candidates": candidates, "pids": kept}
        )
    return results


def write_json_lines(entries, path):
    """A JSON array with one entry a line, so that differences can be read."""
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e, separators=(",", ":")) for e in entries) + "\n]\n")


def copy(engine, name, source, folder, library):
    os.makedirs(folder, exist_ok=True)
    arrays = read_colbert(f"{source}/index") if engine == "colbert" else read_npy_index(f"{source}/index")
    rankings = json.load(open(f"{source}/rankings.json"))
    queries = np.fromfile(f"{source}/queries.f16", "<f2").reshape(-1, rankings["query_tokens"], rankings["dim"])
    write_index(arrays, queries, {"engine": engine, "name": name}, folder)
    lists = {new: [{"pids": r["docs"], "scores": r["scores"]} for r in rankings[old]] for old, new in RANKINGS[engine].items()}
    for new, entries in lists.items():
        write_json_lines(entries, f"{folder}/{new}.json")
    if engine == "colbert":
        write_json_lines(filter_rankings(library, arrays, queries), f"{folder}/filterPids.json")
    for sample in ("decompressed-docs-0-9.f16", "decompressed-docs-0-2.f32"):
        if os.path.exists(f"{source}/{sample}"):
            kind = sample.split(".")[1]
            np.fromfile(f"{source}/{sample}", f"<f{int(kind[1:]) // 8}").tofile(f"{folder}/decompressed.{kind}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("fixtures")
    p.add_argument("golden")
    p.add_argument("--colbert-source", required=True)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as build:
        library = compile_filter(a.colbert_source, build)
        for engine, names in COPIES.items():
            for name in names:
                copy(engine, name, f"{a.fixtures}/{engine}/{name}", f"{a.golden}/{engine}/{name}", library)


if __name__ == "__main__":
    main()
