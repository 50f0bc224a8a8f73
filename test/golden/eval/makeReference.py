"""Writes ranking.tsv, qrels.txt and reference.json. Run in this folder: pip install pytrec_eval-terrier ir_measures numpy."""
import json, random
from importlib.metadata import version
import ir_measures, numpy, pytrec_eval
from ir_measures import nDCG, R, Success, AP

random.seed(20260731)
# Ids whose UTF-8 and UTF-16 orders differ (U+FF5A before U+1F600 in UTF-8, after it in UTF-16) take part in the ties.
pids = [f"p{i}" for i in range(300)] + ["\uff5a", "\U0001F600", "\u00e9", "P10", "p010"]
qids = [f"q{i}" for i in range(40)]
qrels, run = {}, {}
for n, q in enumerate(qids):
    judged = random.sample(pids, random.randint(1, 25))
    levels = [0] if n == 7 else [1] if n % 3 == 0 else [-2, -1, 0, 1, 2, 3]  # q7: judged, nothing relevant
    qrels[q] = {p: random.choice(levels) for p in judged}
    if n % 10 == 4: continue  # judged, not answered
    depth = random.choice([3, 12, 150, 300])
    found = list(dict.fromkeys([p for p in judged if random.random() < 0.7] + random.sample(pids, depth)))
    random.shuffle(found)
    # Few distinct scores, hence ties; a third differs by less than float32 tells, some are negative.
    run[q] = {p: random.choice([random.randint(-3, 12) / 2, 5 + random.random() * 1e-8, random.gauss(3, 2)]) + 2.5 * (qrels[q].get(p, 0) > 0) for p in found}
run["unjudged"] = {"p1": 1.0}

def trec_order(hits):
    return sorted(hits.items(), key=lambda h: (numpy.float32(h[1]), h[0].encode()), reverse=True)

def reference(k):
    cut = {q: dict(trec_order(h)[:k]) for q, h in run.items()}
    top10 = {q: dict(trec_order(h)[:10]) for q, h in cut.items()}
    names = {"ndcg_cut_10": "ndcg@10", "recall_100": "recall@100", "success_5": "success@5", "map": "map"}
    full = pytrec_eval.RelevanceEvaluator(qrels, set(names)).evaluate(cut)
    short = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(top10)
    sums = {name: sum(v[key] for v in full.values()) for key, name in names.items()}
    sums["mrr@10"] = sum(v["recip_rank"] for v in short.values())
    means = {name: value / len(qrels) for name, value in sums.items()}  # missing queries count 0: trec_eval -c
    # Not RR@10: ir_measures computes it with another order of ties.
    for measure, name in [(nDCG @ 10, "ndcg@10"), (R @ 100, "recall@100"), (Success @ 5, "success@5"), (AP, "map")]:
        other = ir_measures.calc_aggregate([measure], qrels, cut)[measure]
        assert abs(other - means[name]) < 1e-9, (name, other, means[name])
    return means

with open("qrels.txt", "w", encoding="utf-8") as f:
    for q, judged in qrels.items():
        for p, level in judged.items(): f.write(f"{q} 0 {p} {level}\n")
with open("ranking.tsv", "w", encoding="utf-8") as f:  # ranks in random order: readers must sort by score
    for q, hits in run.items():
        for rank, (p, score) in enumerate(hits.items(), 1): f.write(f"{q}\t{p}\t{rank}\t{score!r}\n")
versions = {name: version(name) for name in ["pytrec_eval-terrier", "ir_measures", "numpy"]}
with open("reference.json", "w") as f:
    json.dump({"versions": versions, "k1000": reference(1000), "k20": reference(20)}, f, indent=2); f.write("\n")
