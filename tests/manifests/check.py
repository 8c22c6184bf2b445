"""Validates manifests: those of Kubernetes against its schemas, of the oldest supported version and of the newest, and
those of KServe against the types of its SDK. It also checks that it finds a planted fault in every manifest."""

import copy
import importlib.metadata
import re
import sys
from pathlib import Path

import kserve
import kubernetes.client
import kubernetes_validate
import yaml

VERSIONS = ["1.27", kubernetes_validate.latest_version()]

KSERVE = {"ServingRuntime": kserve.V1alpha1ServingRuntime, "InferenceService": kserve.V1beta1InferenceService}

# The fault planted in each kind of manifest.
PLANTED = {
    "Deployment": ("spec", "template", "spec", "enableServiceLink"),
    "Service": ("spec", "port"),
    "HorizontalPodAutoscaler": ("spec", "maxReplica"),
    "ServingRuntime": ("spec", "container"),
    "InferenceService": ("spec", "predictor", "minReplica"),
}


def faults(manifest):
    """Returns the faults of a manifest."""
    kind = manifest["kind"]
    if kind in KSERVE:
        return list(of_type(manifest, KSERVE[kind], kind))
    found = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as fault:
            place = ".".join(str(step) for step in fault.path)
            found.append(f"{kind}, Kubernetes {version}: {place}: {fault.message}")
    return found


def of_type(value, wanted, place):
    """Yields the faults of a value. `wanted` is a type of the SDK, or its name in the notation of the SDK."""
    if isinstance(wanted, str):
        of_list, of_map = re.fullmatch(r"list\[(.*)\]", wanted), re.fullmatch(r"dict\(str, (.*)\)", wanted)
        if of_list:
            if not isinstance(value, list):
                yield f"{place}: expected a list"
                return
            for index, item in enumerate(value):
                yield from of_type(item, of_list[1], f"{place}[{index}]")
            return
        if of_map:
            if not isinstance(value, dict):
                yield f"{place}: expected a map"
                return
            for key, item in value.items():
                yield from of_type(item, of_map[1], f"{place}.{key}")
            return
        plain = {"str": str, "int": int, "bool": bool, "object": object}.get(wanted)
        if plain:
            if not isinstance(value, plain) or plain is int and isinstance(value, bool):
                yield f"{place}: expected {wanted}, got {value!r}"
            return
        wanted = getattr(kserve, wanted, None) or getattr(kubernetes.client, wanted, None)
        if wanted is None or not hasattr(wanted, "attribute_map"):
            # Quantities, and ports as numbers or names.
            return
    if not isinstance(value, dict):
        yield f"{place}: expected an object, got {value!r}"
        return
    names = {written: field for field, written in wanted.attribute_map.items()}
    for name, item in value.items():
        if name in names:
            yield from of_type(item, wanted.openapi_types[names[name]], f"{place}.{name}")
        else:
            yield f"{place}: unknown member {name}"


def planted(manifest):
    """Returns the manifest with an unknown member."""
    wrong = copy.deepcopy(manifest)
    *steps, last = PLANTED[manifest["kind"]]
    inner = wrong
    for step in steps:
        inner = inner[step]
    inner[last] = 1
    return wrong


def main(files):
    count, found = 0, []
    for file in files:
        for manifest in yaml.safe_load_all(Path(file).read_text()):
            count += 1
            found += [f"{Path(file).name}: {fault}" for fault in faults(manifest)]
            if not faults(planted(manifest)):
                found.append(f"{Path(file).name}: a planted fault in {manifest['kind']} was not found")
    for fault in found:
        print(f"manifests: {fault}")
    if not count:
        print("manifests: no files")
    versions = f"Kubernetes {', '.join(VERSIONS)}; KServe {importlib.metadata.version('kserve')}"
    print(f"manifests: {count} checked ({versions}), {len(found)} faults")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
