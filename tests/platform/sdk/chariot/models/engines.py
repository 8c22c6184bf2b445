"""`chariot.models.engines`: the registration of an engine."""

import math as _math

from chariot import _calls


class ReadinessProbe:
    def __init__(self, *positional, **given):
        required = {
            "path": _calls.text,
            "port": _port,
            "initial_delay_seconds": _calls.number(0),
            "timeout_seconds": _calls.number(1),
            "period_seconds": _calls.number(1),
            "success_threshold": _calls.number(1),
            "failure_threshold": _calls.number(1),
        }
        _calls.checked("ReadinessProbe", positional, given, required, {})
        if not given["path"].startswith("/"):
            _calls.refuse("ReadinessProbe: path", "a path", given["path"])
        self._given = given

    def to_json(self):
        return self._given


def _port(place, value):
    if type(value) is not int or not 0 < value < 65536:
        _calls.refuse(place, "a port", value)


def _probe(place, value):
    if type(value) is not ReadinessProbe:
        _calls.refuse(place, "a ReadinessProbe", value)


def _label(place, value):
    _calls.text(place, value)
    if len(value) > 64 or not value.isprintable():
        _calls.refuse(place, "a short label on one line", value)


def _default(place, value):
    if type(value) is not str:
        _calls.refuse(place, "a string", value)


def _of_schema(place, entry):
    _calls.exactly(
        name=_calls.variable,
        type=_calls.one_of("string", "int", "bool", "float"),
        default_value=_default,
        display_text=_label,
    )(place, entry)
    default = entry["default_value"]
    try:
        fits = {
            "string": lambda: True,
            "int": lambda: -(2**63) <= int(default) < 2**63,
            "bool": lambda: default in ("true", "false"),
            "float": lambda: _math.isfinite(float(default)),
        }[entry["type"]]()
    except ValueError:
        fits = False
    if not fits:
        _calls.refuse(place, f"a default of the type {entry['type']}", default)


def create_engine_version(*positional, **given):
    name = "create_engine_version"
    required = {"name": _calls.text, "project_id": _calls.text, "version": _calls.text, "readiness_probe": _probe}
    optional = {
        "container_image_cpu": _calls.text,
        "container_image_gpu": _calls.text,
        "is_default": _calls.flag,
        "supports_multi_gpu": _calls.flag,
        "env": _calls.listed(_calls.exactly(name=_calls.variable, value=_default)),
        "predictor_env_schema": _calls.listed(_of_schema),
        "enforce_predictor_env_schema": _calls.flag,
        "inference_protocol": _calls.one_of("chariot-v2-kserve", "chariot-v2"),
        "container_root_relative_base_url": _calls.text,
        "entrypoint": _calls.texts,
        "command": _calls.texts,
    }
    _calls.checked(name, positional, given, required, optional)
    if "container_image_cpu" not in given and "container_image_gpu" not in given:
        _calls.refuse(name, "an image", list(given))
    if given.get("supports_multi_gpu") and "container_image_gpu" not in given:
        _calls.refuse(f"{name}: supports_multi_gpu", "an image for GPUs", list(given))
    names = [entry["name"] for entry in given.get("predictor_env_schema", [])]
    if len(names) != len(set(names)):
        _calls.refuse(f"{name}: predictor_env_schema", "each name once", names)
    _calls.called("engines.create_engine_version", "connect", given)
    return "engine-version-id"
