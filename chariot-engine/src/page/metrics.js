// Prometheus' text format: samples by name, and figures of histograms.

// Parses a text into lists of `{labels, value}` by name.
export function parseMetrics(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = value.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
    }
    const value = Number(match[3].replace("+Inf", "Infinity"));
    if (!found.has(match[1])) found.set(match[1], []);
    found.get(match[1]).push({ labels, value });
  }
  return found;
}

// Returns the samples of a name whose labels have these values.
export function samples(metrics, name, labels = {}) {
  const has = (sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
  return (metrics.get(name) ?? []).filter(has);
}

// Returns the sum of these samples.
export function sum(metrics, name, labels) {
  return samples(metrics, name, labels).reduce((total, sample) => total + sample.value, 0);
}

// Returns the counts of a histogram by the upper bound of their buckets, which include those below.
function buckets(metrics, name, labels) {
  const counts = new Map();
  for (const sample of samples(metrics, `${name}_bucket`, labels)) {
    const bound = sample.labels.le === "+Inf" ? Infinity : Number(sample.labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + sample.value);
  }
  return counts;
}

// Returns the quantile of what a histogram has counted between two scrapes, by interpolation within a bucket.
export function quantile(share, before, after, name, labels) {
  const old = buckets(before, name, labels);
  const counts = [...buckets(after, name, labels)].map(([bound, count]) => [bound, count - (old.get(bound) ?? 0)]).sort((a, b) => a[0] - b[0]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (total <= 0) return NaN;
  let [lower, below] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= share * total) return bound === Infinity ? lower : lower + ((bound - lower) * (share * total - below)) / (count - below);
    [lower, below] = [bound, count];
  }
  return lower;
}
