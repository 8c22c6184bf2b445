"""The comparison as a document: what the suite found at our engine and at its peers."""

import collections
import dataclasses

LEVELS = {
    "oip": "The Open Inference Protocol's REST form, and plain HTTP",
    "binary": "Triton's binary tensors, and compressed requests",
    "chariot": "Chariot's use of the protocol",
}
LONGEST = 160


@dataclasses.dataclass
class Result:
    """What the suite found at one server."""

    name: str
    version: str
    python: str | None
    extensions: list
    found: dict

    def title(self):
        """The server and its version."""
        return f"{self.name} {self.version}"

    def cases(self, level=None):
        """The cases with their sections, of one level or of all."""
        for section in self.found["sections"]:
            for case in section["cases"]:
                if level in (None, case["level"]):
                    yield section["number"], case

    def count(self, level, section=None):
        """How many cases of a level have which outcome, in one section or in all."""
        return collections.Counter(case["outcome"] for at, case in self.cases(level) if section in (None, at))

    def line(self):
        """The outcomes in a line."""
        counts = (f"{level}: {tally(self.count(level))}" for level in LEVELS)
        return f"{self.title()} (passed/failed/skipped): {', '.join(counts)}"


def tally(count):
    """Passed, failed and skipped."""
    return f"{count['passed']}/{count['failed']}/{count['skipped']}"


def document(results, date):
    """The whole comparison."""
    parts = [introduction(results, date)]
    parts += [table(results, level) for level in LEVELS]
    parts.append(better(results))
    parts.append(OUTSIDE)
    parts += [failures(result) for result in results]
    return "\n\n".join(parts) + "\n"


def introduction(results, date):
    """What was compared, when and how."""
    servers = "\n".join(f"| {result.title()} | {runs_on(result)} | {claims(result)} |" for result in results)
    return f"""# Conformance: this engine and two of its peers

The [conformance suite](../tests/conformance) was run on {date:%Y-%m-%d} against the same model, one that answers with the tensors that it got: our [`identity`](../examples/identity), and a few lines of Python on [KServe's `ModelServer`](../tests/peers/kserve/identity.py) and on [MLServer](../tests/peers/mlserver/identity.py), as installed and with nothing set but ports, and for MLServer no worker processes and no debug mode. `tests/peers/run` does it all again and writes this file.

| server | runs on | extensions that it announces |
|---|---|---|
{servers}

The suite is ours, and so is its reading of the specification: what the peers fail at the level `oip` rests on a sentence of the Open Inference Protocol that each case names. What they fail at `binary` is an extension of Triton's. The level `chariot` asks for what neither of them claims to be; it stands here only for completeness. A case is skipped where its conditions do not hold: no version in the metadata, no pictures as inputs, no declared inputs; the cases of section 5 ask for engines of Chariot's tasks, which an identity is not. The suite's own tests ask these of other engines. Of a case that fails in several ways the first is shown."""


def runs_on(result):
    """The Python of a peer."""
    return f"Python {result.python}" if result.python else "Rust"


def claims(result):
    """What `/v2` announces."""
    return ", ".join(f"`{extension}`" for extension in result.extensions) or "none"


def table(results, level):
    """The outcomes of a level by section."""
    titles = {section["number"]: section["title"] for section in results[0].found["sections"]}
    rows = [f"## {level}: {LEVELS[level]}", "", "Passed / failed / skipped."]
    rows += ["", f"| section | {' | '.join(result.title() for result in results)} |", f"|---|{'---:|' * len(results)}"]
    for number, title in titles.items():
        counts = [result.count(level, number) for result in results]
        if any(count.total() for count in counts):
            rows.append(f"| {number}. {title} | {' | '.join(map(spaced, counts))} |")
    rows.append(f"| **all** | {' | '.join(f'**{spaced(result.count(level))}**' for result in results)} |")
    return "\n".join(rows)


def spaced(count):
    """Passed, failed and skipped, for people."""
    return tally(count).replace("/", " / ")


def better(results):
    """The cases that a peer passes and we do not, for whatever reason."""
    ours, *peers = results
    outcome = {case["name"]: case["outcome"] for _, case in ours.cases()}
    rows = ["## Where a peer passes and we do not", ""]
    for peer in peers:
        for section, case in peer.cases():
            if case["outcome"] == "passed" and outcome.get(case["name"]) != "passed":
                reason = outcome.get(case["name"], "not there")
                rows.append(f"- {peer.name}, section {section}, `{case['level']}`: {text(case['name'])} (ours: {reason})")
    return "\n".join(rows if len(rows) > 2 else [*rows, "No case."])


OUTSIDE = """## What the suite does not ask for

The suite asks for one protocol over HTTP. Both peers speak it over gRPC too, have extensions for a repository of models (loading and unloading at run time) and serve several models in one process; MLServer batches across requests, compresses responses unless told not to, and reads from Kafka; KServe speaks its older version 1 and OpenAI's protocol. Here responses are compressed on demand; the rest of this is not here."""


def failures(result):
    """The failed cases of a server, level by level, with what came."""
    rows = [f"## What {result.title()} fails"]
    for level in LEVELS:
        failed = [(section, case) for section, case in result.cases(level) if case["outcome"] == "failed"]
        rows += ["", f"### {result.name}: {level}", ""]
        if not failed:
            rows.append("Nothing.")
            continue
        listed = ["| section | case | expected | came |", "|---|---|---|---|"]
        listed += [failure(section, case) for section, case in failed]
        # What a server does not claim to be is there for who asks.
        if level == "chariot":
            listed = [f"<details><summary>{len(failed)} cases</summary>", "", *listed, "", "</details>"]
        rows += listed
    return "\n".join(rows)


def failure(section, case):
    """A failed case: its first fault, and how many more there are."""
    first, *more = case["faults"]
    place = f"{text(first['of'])}: " if first["of"] else ""
    also = f" (and {len(more)} more)" if more else ""
    return f"| {section} | {text(case['name'])} | {place}{text(first['expected'])} | {text(first['came'])}{also} |"


def text(words):
    """Words as they may stand in a table."""
    words = " ".join(words.split())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}..."
    for sign in "\\|<>*_`[]":
        words = words.replace(sign, f"\\{sign}")
    return words
