"""`chariot.models`: the import of a model."""

import os as _os
import tarfile as _tarfile
import zipfile as _zipfile

from chariot import _calls
from chariot.models._undocumented import TaskType as TaskType


class ArtifactType:
    CUSTOM_ENGINE = "ArtifactType.CUSTOM_ENGINE"


def _artifact(place, value):
    if value is not ArtifactType.CUSTOM_ENGINE:
        _calls.refuse(place, "ArtifactType.CUSTOM_ENGINE", value)


def _task(place, value):
    if type(value) is not TaskType:
        _calls.refuse(place, "a TaskType", value)


def _labels(place, value):
    if type(value) is not dict or not value:
        _calls.refuse(place, "an object of label to id", value)
    if any(type(label) is not str or type(id) is not int for label, id in value.items()):
        _calls.refuse(place, "strings with integers", value)
    if sorted(value.values()) != list(range(len(value))):
        _calls.refuse(place, "the ids from 0, each once", value)


def _archive(place, value):
    """Opens the archive, as the platform does once it is uploaded."""
    _calls.text(place, value)
    if not _os.path.isfile(value):
        _calls.refuse(place, "a file", value)
    if value.endswith(".zip"):
        with _zipfile.ZipFile(value) as archive:
            if archive.testzip() is not None:
                _calls.refuse(place, "an archive that can be read", value)
            names = archive.namelist()
    elif value.endswith(".tar.gz"):
        with _tarfile.open(value, "r:gz") as archive:
            if not all(member.isfile() for member in archive):
                _calls.refuse(place, "files only", value)
            names = archive.getnames()
    else:
        _calls.refuse(place, "a name that ends in .zip or .tar.gz", value)
    if not names:
        _calls.refuse(place, "an archive with files", value)
    for name in names:
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            _calls.refuse(place, "names within the archive", name)


class _Model:
    def set_inference_server_settings(self, *positional, **named):
        if len(positional) != 1 or named:
            _calls.refuse("set_inference_server_settings", "one object", (positional, named))
        selector = _calls.exactly(org_name=_calls.text, project_name=_calls.text, engine_name=_calls.text)
        _calls.exactly(engine_selector=selector)("set_inference_server_settings", positional[0])
        _calls.called("set_inference_server_settings", "import_model", positional[0])


def import_model(*positional, **given):
    required = {
        "project_id": _calls.text,
        "name": _calls.text,
        "summary": _calls.text,
        "version": _calls.text,
        "task_type": _task,
        "artifact_type": _artifact,
        "model_path": _archive,
    }
    _calls.checked("import_model", positional, given, required, {"class_labels": _labels})
    _calls.called("import_model", "engines.create_engine_version", given)
    return _Model()
