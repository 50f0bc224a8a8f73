"""How much of what a reader sees of HTML pages is in passages, judged by other means than Tartan's: lxml, and rules of its own.

  judge.py SITES FAILS.jsonl LABEL=PAGES.jsonl…

SITES: a folder of sites, one folder each. PAGES.jsonl: what readPages.ts wrote. Prints one JSON object, by label; FAILS.jsonl gets a
line for each page that lost words or has dead anchors.

Seen is all text but scripts, styles, templates, and what has no letters. Navigation is what the page says is one (`nav`,
roles), what a site repeats (a block of text on at least 10 pages and a fifth of those of the site, or of one of its folders),
and, told apart, what stands in elements that generators name as navigation (NAMED), lists of links to places on the same page, and
buttons. Words are runs of letters, each counted as often as it stands there. A word is lost when the passages of its page hold it
less often; headings are taken from titles of passages, once a section.
"""
import collections
import json
import os
import re
import sys
from multiprocessing import Pool

from lxml import etree, html

WORD = re.compile(r"[^\W\d_]+")
UNSEEN = {"script", "style", "template", "noscript", "head", "title", "iframe", "noframes", "svg", "object"}
ROLES = {"navigation", "search", "menubar", "menu", "contentinfo", "banner", "doc-toc", "doc-pagelist"}
NAMED = re.compile(
    r"(?:^|\s)(headerlink|navheader|navfooter|navigation|navigationbar|sphinxsidebar|related|breadcrumbs?|docnav|viewcode-link|"
    r"prev-next-(?:bottom|area)|bd-(?:toc|sidebar)\S*|toc|contents|local|topic contents|fancy_toc|fancy-toc\d|quickview|toplang|bottomlang|"
    r"picker\S*|header-container|menu(?:bar)?|gallery_nav|footer|sidebar|sidebar-content|anchor|permalink|mark)(?:\s|$)"
)
NAMED_ID = re.compile(r"docs-(?:\w+-)*(?:sidebar|navigation)(?:-|$)")  # SQLAlchemy's theme
NAMED_IDS = {"toc", "column2", "gtoc", "quickview", "path", "page-header", "footer", "indexlist", "sidebar", "menu-bar", "docs-navigation", "TopLeftHeader"}
BLOCKS = set(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr legend li main menu nav ol option p pre section summary table tbody td tfoot th thead tr ul".split()
)
SEEN, NAMED_NAVIGATION, NAVIGATION = 0, 1, 2
LIMIT = 0.02


def words(text):
    return [word.lower() for word in WORD.findall(text)]


def is_named(name):
    return name in NAMED_IDS or NAMED_ID.match(name) is not None


def kind_of(element, kind):
    if element.tag == "nav" or element.get("role") in ROLES:
        return NAVIGATION
    if kind == SEEN and element.tag in ("ul", "ol", "dl") and leads_to_own_page(element):
        return NAMED_NAVIGATION
    if kind == SEEN and element.tag == "button" and element.get("role") != "tab":
        return NAMED_NAVIGATION
    if kind == SEEN and (NAMED.search(element.get("class") or "") or is_named(element.get("id") or "")):
        return NAMED_NAVIGATION
    return kind


def leads_to_own_page(items):
    """Three links or more to places on the page itself, and nothing else to read."""
    links = [link for link in items.iter("a") if (link.get("href") or "").startswith("#") and len(link.get("href")) > 1]
    if len(links) < 3:
        return False
    linked = sum(len(words(link.text_content())) for link in links)
    return linked >= 0.9 * len(words(items.text_content()))


def read(path):
    """Blocks of a page as (kind, text), and its ids."""
    with open(path, "rb") as file:
        data = file.read()
    head = data[:3000].lower()
    declared = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", head) or re.search(rb"<\?xml[^>]*encoding=[\"']([\w-]+)", head)
    encoding = declared.group(1).decode() if declared else "utf-8"
    try:
        root = html.document_fromstring(data, parser=html.HTMLParser(encoding=encoding, huge_tree=True))
    except (etree.ParserError, ValueError, LookupError):
        return [], set()
    blocks, buffer, ids = [], [], set()

    def flush(kind):
        text = " ".join("".join(buffer).split())
        buffer.clear()
        if text:
            blocks.append((kind, text))

    # Steps of a walk: an element that opens, a tail, or the end of a block.
    stack = [("open", root, SEEN)]
    while stack:
        step, node, kind = stack.pop()
        if step == "text":
            buffer.append(node)
            continue
        if step == "flush":
            flush(kind)
            continue
        if not isinstance(node.tag, str):
            continue
        for name in ("id", "name"):
            if node.get(name) and (name == "id" or node.tag == "a"):
                ids.add(node.get(name))
        if node.tag in UNSEEN:
            continue
        inner = kind_of(node, kind)
        if node.tag in BLOCKS or inner != kind:
            flush(kind)
        elif node.tag in ("br", "button", "select", "label", "textarea"):
            buffer.append(" ")
        after = [("flush", None, inner)] if node.tag in BLOCKS or inner != kind else []
        children = []
        if node.text:
            children.append(("text", node.text, inner))
        for child in node:
            children.append(("open", child, inner))
            if child.tail:
                children.append(("text", child.tail, inner))
        stack.extend(after)
        stack.extend(reversed(children))
    flush(SEEN)
    return blocks, ids


def repeated(pages):
    """Blocks that a site, or one of its folders, has on many pages."""
    groups = collections.defaultdict(list)
    for path in pages:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            groups["/".join(parts[:depth])].append(path)
    found = {}
    for folder, paths in groups.items():
        counts = collections.Counter()
        for path in paths:
            counts.update({text for _, text in pages[path][0]})
        least = max(10, len(paths) / 5)
        found[folder] = {text for text, count in counts.items() if count >= least}
    return found


def judge_page(path, blocks, ids, passages, is_repeated):
    seen, named, navigation = collections.Counter(), collections.Counter(), collections.Counter()
    for kind, text in blocks:
        where = navigation if kind == NAVIGATION or is_repeated(text) else named if kind == NAMED_NAVIGATION else seen
        where.update(words(text))
    kept, sections, around = collections.Counter(), set(), set()
    anchors = set()
    for title, text, anchor in passages:
        kept.update(words(text))
        sections.add((title, anchor))
        if anchor:
            anchors.add(anchor)
    # Each section says its own heading once; headings without a text of their own stand in the titles of others only.
    own = {title.split(" › ")[-1] for title, _ in sections}
    for title, _ in sections:
        parts = title.split(" › ")
        kept.update(words(parts[-1]))
        around.update(part for part in parts[:-1] if part not in own)
    for part in around:
        kept.update(words(part))
    lost = seen - kept
    with_named = seen + named
    lost_named = with_named - kept
    return {
        "path": path,
        "words": seen.total(),
        "lost": lost.total(),
        "words_named": with_named.total(),
        "lost_named": lost_named.total(),
        "kept": kept.total(),
        "navigation_kept": (navigation & (kept - with_named)).total(),
        "anchors": len(anchors),
        "alive": len(anchors & ids),
        "examples": [word for word, _ in lost.most_common(8)],
    }


def passages_of(file, start, end):
    with open(file, "rb") as lines:
        lines.seek(start)
        pages = map(json.loads, lines.read(end - start).splitlines())
        return {page["path"]: page["passages"] for page in pages}


def judge_site(job):
    site, folder, readings = job
    pages = {}
    for base, folders, files in os.walk(os.path.join(folder, site)):
        folders.sort()
        for name in sorted(files):
            if re.search(r"\.html?$", name):
                path = os.path.join(base, name)
                pages[os.path.relpath(path, folder).replace(os.sep, "/")] = read(path)
    texts = repeated(pages)

    def is_repeated(path):
        parts = path.split("/")[:-1]
        sets = [texts["/".join(parts[:depth])] for depth in range(1, len(parts) + 1)]
        return lambda text: any(text in found for found in sets)

    judged = {}
    for label, reading in readings.items():
        passages = passages_of(*reading)
        judged[label] = [judge_page(path, *page, passages.get(path, []), is_repeated(path)) for path, page in pages.items()]
    return site, judged


def fails(page, words_key, lost_key):
    return page[lost_key] > max(LIMIT * page[words_key], 1)


def summary(pages):
    total = collections.Counter()
    for page in pages:
        total.update({key: page[key] for key in page if key not in ("path", "examples")})
    share = lambda part, whole: round(part / whole, 4) if whole else 0
    return {
        "pages": len(pages),
        "words": total["words"],
        "words_kept": 1 - share(total["lost"], total["words"]),
        "pages_over_2_percent": sum(fails(page, "words", "lost") for page in pages),
        "words_kept_with_named_navigation": 1 - share(total["lost_named"], total["words_named"]),
        "pages_over_2_percent_with_named_navigation": sum(fails(page, "words_named", "lost_named") for page in pages),
        "navigation_in_passages": share(total["navigation_kept"], total["kept"]),
        "anchors": total["anchors"],
        "anchors_alive": share(total["alive"], total["anchors"]),
    }


def sites_in(file):
    """Site → where its lines begin and end: a reader goes folder by folder."""
    found, at = {}, 0
    with open(file, "rb") as lines:
        for line in lines:
            in_site = re.match(rb'\{"path":"([^/"]+)/', line)
            if in_site:
                site = in_site.group(1).decode()
                found[site] = (found.get(site, (at,))[0], at + len(line))
            at += len(line)
    return found


def main():
    folder, fails_file = sys.argv[1:3]
    files = dict(part.split("=", 1) for part in sys.argv[3:])
    places = {label: sites_in(file) for label, file in files.items()}
    sites = sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
    every, by_site = collections.defaultdict(list), collections.defaultdict(dict)
    jobs = [
        (site, folder, {label: (file, *places[label].get(site, (0, 0))) for label, file in files.items()}) for site in sites
    ]
    with Pool(int(os.environ.get("JUDGES", "1")), maxtasksperchild=1) as pool:
        for site, judged in pool.imap(judge_site, jobs, 1):
            print(site, file=sys.stderr)
            for label, pages in judged.items():
                by_site[label][site] = summary(pages)
                every[label] += pages
    result = {}
    with open(fails_file, "w") as out:
        for label, pages in every.items():
            lossy = sorted((page for page in pages if fails(page, "words", "lost")), key=lambda page: -page["lost"])
            for page in pages:
                if fails(page, "words_named", "lost_named") or page["alive"] < page["anchors"]:
                    out.write(json.dumps({"label": label, **page}) + "\n")
            worst = [{key: page[key] for key in ("path", "words", "lost", "examples")} for page in lossy[:5]]
            result[label] = {"all": summary(pages), "sites": by_site[label], "worst": worst}
    print(json.dumps(result))


main()
