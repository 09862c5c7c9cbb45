"""The results as Markdown tables, each figure with its counts and, where there is one, its bar."""

BARS = {"email": 0.99, "phone": 0.90, "card": 0.99, "ssn": 0.99, "iban": 0.99, "ip": 0.99}


def markdown(result):
    parts = [head(result), entities(result), labelled(result), kept(result), single_figures(result), secret_texts(result), negatives(result), logs(result), lowest(result)]
    return "\n\n".join(part for part in parts if part)


def head(result):
    lines = [f"# Redaction, {result['casefile']}, seed {result['seed']}", ""]
    lines += [f"- {name}: {note}" for name, note in result["peers"].items()]
    lines += [f"- **{name} could not run here**: {why}" for name, why in result["missing"].items()]
    if not result["labelled"]:
        lines.append("- **no labelled sets of other projects**: there is no `../shared/testdata` beside this checkout")
    return "\n".join(lines)


def share(found, total):
    return f"{100 * found / total:.1f} % ({found}/{total})" if total else "–"


def verdict(good):
    return "yes" if good else "**no**"


def table(title, columns, rows):
    lines = [f"## {title}", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def tools_of(section):
    return list(next(iter(section.values())))


def recall_row(name, entity, tools, answers, barred=True):
    cells, shares = [], {}
    for tool in tools:
        answer = answers[tool]
        if answer is None or not answer["total"].get(entity):
            cells.append("too slow" if answer is None else "–")
            continue
        found, total = answer["found"].get(entity, 0), answer["total"][entity]
        shares[tool] = found / total
        cells.append(share(found, total))
    if not barred:
        return [name, *cells, "", ""]
    ours = shares.pop("casefile", 0)
    best = max(shares.values(), default=0)
    met = ours >= best and ours >= BARS[entity]
    return [name, *cells, f"≥ {100 * max(best, BARS[entity]):.1f} %", verdict(met)]


def entities(result):
    section, rows = result["entities"], []
    tools = tools_of(section)
    for entity, answers in section.items():
        rows.append(recall_row(entity, entity, tools, answers))
        for part in ("named", "bare"):
            rows.append(recall_row(f"– {part}", entity, tools, {tool: part_of(answer, entity, part) for tool, answer in answers.items()}, barred=False))
    title = "Leak-free recall, generated texts (named: a key, word or usual place says what it is; bare: nothing does)"
    return table(title, ["entity", *tools, "bar", "met"], rows)


def part_of(answer, entity, part):
    if answer is None:
        return None
    counts = [c for shape, c in answer["shapes"].items() if shape.startswith(f"{entity}: {part}")]
    return {"found": {entity: sum(c[0] for c in counts)}, "total": {entity: sum(c[1] for c in counts)}}


def labelled(result):
    section = result["labelled"]
    if not section:
        return None
    tools, rows = tools_of(section), []
    for name, answers in section.items():
        for entity in BARS:
            if answers["casefile"]["total"].get(entity):
                rows.append(recall_row(f"{name}: {entity}", entity, tools, answers))
    return table("Leak-free recall, other projects' labelled texts", ["set", *tools, "bar", "met"], rows)


def kept(result):
    rows, tools = [], tools_of(result["entities"])
    sets = {"generated": list(result["entities"].values())}
    sets |= {name: [answers] for name, answers in result["labelled"].items() if name.endswith("generated_small")}
    for name, all_answers in sets.items():
        row = [name]
        for tool in tools:
            counts = [a[tool]["kept"] for a in all_answers if a[tool]]
            row.append(share(sum(c[0] for c in counts), sum(c[1] for c in counts)))
        left, total = (sum(a["casefile"]["kept"][at] for a in all_answers) for at in (0, 1))
        rows.append([*row, "≥ 97 %", verdict(left >= 0.97 * total)])
    return table("Text kept: characters outside labelled entities, names and addresses", ["set", *tools, "bar", "met"], rows)


def single_figures(result):
    rows = []
    numbers = result["national"]["generated"]
    for group, title in (("covered", "national ids of persons"), ("others", "other numbers (no bar)")):
        found, right, spared, wrong = numbers[group]
        met = verdict(found >= 0.97 * right and spared >= 0.97 * wrong) if group == "covered" else "–"
        rows.append([f"{title}, generated, found / wrong check digit spared", f"{share(found, right)} / {share(spared, wrong)}", "≥ 97 % / ≥ 97 %", met])
    if of_others := result["national"].get("shared"):
        rows.append(["numbers of other projects' tests beside their names", f"{share(*of_others['right'])} / {share(*of_others['wrong'])}", "≥ 97 % / ≥ 97 %", verdict(all(c[0] >= 0.97 * c[1] for c in (of_others["right"], of_others["wrong"])))])
    for name, answers in result["secrets"].items():
        for tool, answer in answers.items():
            bar = ["≥ 85 %", verdict(answer["macro"] >= 0.85)] if tool == "casefile" else ["–", "–"]
            rows.append([f"secrets, {name}, mean of {len(answer['issuers'])} issuers, {tool}", f"{100 * answer['macro']:.1f} %", *bar])
    email = result["email"]
    rows.append(["one email, contexts with the same token", f"{email['same']}/{email['contexts']}", "all", verdict(email["same"] == email["contexts"])])
    rows.append(["different emails, tokens", f"{email['tokens']}/{email['emails']}", "all", verdict(email["tokens"] == email["emails"])])
    for name, answer in result["sql"].items():
        rows.append([f"SQL literals surviving, {name}", f"{answer['surviving']} of {answer['literals']}", "0", verdict(answer["surviving"] == 0)])
    for name, answers in result["log_lines"].items():
        ours = answers["casefile"]
        bar = ["0", verdict(ours["strict"] == 0)]
        rows.append([f"false alarms, {name}, {ours['lines']} log lines: cards, SSNs, secrets", ours["strict"], *bar])
    again = result["stable"]
    for name, title in (("changed", "texts that change when redacted again"), ("by_key", "texts in which what is covered depends on the key")):
        rows.append([title, f"{again[name]} of {again['texts']}", "0", verdict(again[name] == 0)])
    return table("Single figures", ["what", "measured", "bar", "met"], rows)


def secret_texts(result):
    answers = {tool: a for tool, a in result["secrets"]["generated"].items() if tool in ("casefile", "detect-secrets")}
    shapes = answers["casefile"]["shapes"]
    rows = [[shape, *(share(*answer["shapes"][shape]) for answer in answers.values())] for shape in shapes]
    title = "Secrets by the text they stand in (own: the key says whose it is; named: a name beside it does)"
    return table(title, ["text", *answers], rows)


def negatives(result):
    section = result["negatives"]
    kinds = next(iter(section.values()))["kinds"]
    rows = [[kind, *(share(*answer["kinds"][kind]) for answer in section.values())] for kind in kinds]
    totals = [share(sum(c[0] for c in a["kinds"].values()), sum(c[1] for c in a["kinds"].values())) for a in section.values()]
    return table("Hard negatives: texts in which something was covered", ["what stands there", *section], [*rows, ["**all**", *totals]])


def logs(result):
    rows = []
    for name, answers in result["log_lines"].items():
        for tool, answer in answers.items():
            places = ", ".join(f"{c} {n}" for c, n in sorted(answer["places"].items(), key=lambda item: -item[1]) if c != "any")
            rows.append([name, tool, answer["lines"], places or "nothing"])
    return table("Ordinary log lines: what was covered, by class (addresses of machines are in them)", ["lines", "tool", "read", "covered"], rows)


def lowest(result):
    """Issuers and national numbers that fall short, by name."""
    short = []
    for note, (found, right, spared, wrong) in result["national"]["generated"]["numbers"].items():
        if found < 0.97 * right or spared < 0.97 * wrong:
            short.append(f"{note.split()[1]} {found}/{right}, {spared}/{wrong}")
    issuers = [f"{issuer} {c[0]}/{c[1]}" for issuer, c in result["secrets"]["generated"]["casefile"]["issuers"].items() if c[0] < 0.7 * c[1]]
    return "\n\n".join([
        "## Below the bar by name",
        "National numbers (found, spared): " + ("; ".join(short) or "none") + ".",
        "Issuers below 70 %: " + ("; ".join(issuers) or "none") + ".",
    ])


def misses(result):
    """Everything of ours that fell short, as flat records for whoever mends the rules."""
    for section in ("entities", "labelled"):
        for name, answers in result[section].items():
            yield from ({"section": f"{section} {name}", **miss} for miss in answers["casefile"]["misses"])
    for name, answer in result["national"].items():
        yield from ({"section": f"national {name}", **miss} for miss in answer["misses"])
    for name, answers in result["secrets"].items():
        yield from ({"section": f"secrets {name}", **miss} for miss in answers["casefile"]["misses"])
    for name, answers in result["log_lines"].items():
        for entity, examples in answers["casefile"]["examples"].items():
            if entity != "ip":
                yield from ({"section": f"log lines {name}", "class": entity, **example} for example in examples)
    for entity, examples in result["negatives"]["casefile"]["examples"].items():
        yield from ({"section": "negatives", "class": entity, **example} for example in examples)
    yield from ({"section": "one email", **miss} for miss in result["email"]["failed"])
    yield from ({"section": "stable", **miss} for miss in result["stable"]["misses"])
    for name, answer in result["sql"].items():
        yield from ({"section": f"sql {name}", **miss} for miss in answer["misses"])
