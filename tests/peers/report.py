"""The document of the comparison: the results of the suite for our engine and for its peers."""

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
    """The results of the suite for one server."""

    name: str
    version: str
    python: str | None
    extensions: list
    found: dict

    def title(self):
        """Returns the name and the version of the server."""
        return f"{self.name} {self.version}"

    def cases(self, level=None):
        """Yields the cases of one level or of all levels, with their sections."""
        for section in self.found["sections"]:
            for case in section["cases"]:
                if level in (None, case["level"]):
                    yield section["number"], case

    def count(self, level, section=None):
        """Counts the cases of a level per outcome, in one section or in all sections."""
        return collections.Counter(case["outcome"] for at, case in self.cases(level) if section in (None, at))

    def line(self):
        """Formats the outcomes as one line."""
        counts = (f"{level}: {tally(self.count(level))}" for level in LEVELS)
        return f"{self.title()} (passed/failed/skipped): {', '.join(counts)}"


def tally(count):
    """Formats the numbers of passed, failed and skipped cases."""
    return f"{count['passed']}/{count['failed']}/{count['skipped']}"


def document(results, date):
    """Returns the whole document."""
    parts = [introduction(results, date)]
    parts += [table(results, level) for level in LEVELS]
    parts.append(better(results))
    parts.append(OUTSIDE)
    parts += [failures(result) for result in results]
    return "\n\n".join(parts) + "\n"


def introduction(results, date):
    """Returns the introduction: the servers, the date and the method."""
    servers = "\n".join(f"| {result.title()} | {runs_on(result)} | {claims(result)} |" for result in results)
    return f"""# Conformance: this engine and two of its peers

The [conformance suite](../tests/conformance) was run on {date:%Y-%m-%d} against the same model, which returns its input tensors: our [`identity`](../examples/identity), and a few lines of Python for [KServe's `ModelServer`](../tests/peers/kserve/identity.py) and for [MLServer](../tests/peers/mlserver/identity.py). Both have their default configuration except for ports and, for MLServer, no worker processes and no debug mode. `tests/peers/run` repeats the comparison and writes this file.

| server | runs on | announced extensions |
|---|---|---|
{servers}

The suite and its interpretation of the specification are ours. Every case of the level `oip` names the requirement of the Open Inference Protocol that it checks. The level `binary` covers an extension of Triton. The level `chariot` covers the additions of Chariot, which the peers do not claim to support; it is listed for completeness only. A case is skipped if its conditions do not hold, for example if the metadata has no version, or if the model takes no images or has no declared inputs. The cases of section 5 need engines of Chariot's tasks; the tests of the suite run them against such engines. If a case has several violations, the first one is shown."""


def runs_on(result):
    """Returns the Python version of a peer."""
    return f"Python {result.python}" if result.python else "Rust"


def claims(result):
    """Returns the extensions that `/v2` announces."""
    return ", ".join(f"`{extension}`" for extension in result.extensions) or "none"


def table(results, level):
    """Returns the table of the outcomes of a level by section."""
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
    """Formats the numbers of passed, failed and skipped cases with spaces."""
    return tally(count).replace("/", " / ")


def better(results):
    """Returns the cases that a peer passes and our engine does not."""
    ours, *peers = results
    outcome = {case["name"]: case["outcome"] for _, case in ours.cases()}
    rows = ["## Where a peer passes and we do not", ""]
    for peer in peers:
        for section, case in peer.cases():
            if case["outcome"] == "passed" and outcome.get(case["name"]) != "passed":
                reason = outcome.get(case["name"], "not there")
                rows.append(f"- {peer.name}, section {section}, `{case['level']}`: {text(case['name'])} (ours: {reason})")
    return "\n".join(rows if len(rows) > 2 else [*rows, "No case."])


OUTSIDE = """## Not covered by the suite

The suite covers one protocol over HTTP. Both peers also support gRPC, loading and unloading of models at run time, and several models in one process. MLServer also batches across requests, compresses responses by default, and reads from Kafka. KServe also supports its older protocol version 1 and the OpenAI protocol. This engine serves several models, batches across requests and compresses responses on request; it does not support the rest."""


def failures(result):
    """Returns the failed cases of a server by level."""
    rows = [f"## Failures of {result.title()}"]
    for level in LEVELS:
        failed = [(section, case) for section, case in result.cases(level) if case["outcome"] == "failed"]
        rows += ["", f"### {result.name}: {level}", ""]
        if not failed:
            rows.append("Nothing.")
            continue
        listed = ["| section | case | expected | got |", "|---|---|---|---|"]
        listed += [failure(section, case) for section, case in failed]
        # Failures at a level that the server does not claim are collapsed.
        if level == "chariot":
            listed = [f"<details><summary>{len(failed)} cases</summary>", "", *listed, "", "</details>"]
        rows += listed
    return "\n".join(rows)


def failure(section, case):
    """Formats a failed case: its first violation and the number of further ones."""
    first, *more = case["faults"]
    place = f"{text(first['of'])}: " if first["of"] else ""
    also = f" (and {len(more)} more)" if more else ""
    return f"| {section} | {text(case['name'])} | {place}{text(first['expected'])} | {text(first['got'])}{also} |"


def text(words):
    """Escapes and shortens text for a table."""
    words = " ".join(words.split())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]}..."
    for sign in "\\|<>*_`[]":
        words = words.replace(sign, f"\\{sign}")
    return words
