# Registers an engine with Chariot, imports its model, and has the engine serve the model.
#
# `describe --format python` writes this. It needs the platform's SDK, the model's files in model.zip, and in the
# environment what it reads from there.
import os

from chariot import engines
from chariot.client import connect
from chariot.models import ArtifactType, TaskType, import_model

PROJECT_ID = os.environ["CHARIOT_PROJECT_ID"]

connect()

engines.create_engine_version(
    name="digits",
    project_id=PROJECT_ID,
    version="0.1.0",
    container_image_cpu="digits:0.1.0",
    container_image_gpu=None,
    is_default=True,
    supports_multi_gpu=False,
    env=[],
    readiness_probe={
        "path": "/ready",
        "port": 8080,
        "initial_delay_seconds": 0,
        "timeout_seconds": 5,
        "period_seconds": 5,
        "success_threshold": 1,
        "failure_threshold": 3
    },
    predictor_env_schema=[
        {
            "name": "TOP_K",
            "type": "int",
            "default_value": "3",
            "display_text": "How many labels to report, in the layout `objects` (an integer from 1 to 10)"
        },
        {
            "name": "CHARIOT_ENGINE_SCORE_THRESHOLD",
            "type": "float",
            "default_value": "0.5",
            "display_text": "Of the runtime: The score from which a result is reported where a request does not say (a number from 0 to 1)"
        },
        {
            "name": "CHARIOT_ENGINE_OUTPUT_LAYOUT",
            "type": "string",
            "default_value": "",
            "display_text": "Of the runtime: The form of an answer, where the task has several; absent: the task's first (one of objects, columns)"
        },
        {
            "name": "CHARIOT_ENGINE_OUTPUT_ENCODING",
            "type": "string",
            "default_value": "json",
            "display_text": "Of the runtime: How an answer stands in `data`: as a JSON value, or as a string of its JSON; not for named tensors and `chariot-v2` (one of json, string)"
        },
        {
            "name": "CHARIOT_ENGINE_DEVICE",
            "type": "string",
            "default_value": "auto",
            "display_text": "Of the runtime: The device to compute on; `auto` takes the best that opens (one of auto, cpu, cuda, cuda:1, metal)"
        },
        {
            "name": "CHARIOT_ENGINE_WORKERS",
            "type": "int",
            "default_value": "",
            "display_text": "Of the runtime: The workers that run the model; absent: the cores over the threads on a CPU, one on a GPU (an integer of at least 1)"
        },
        {
            "name": "CHARIOT_ENGINE_THREADS",
            "type": "int",
            "default_value": "",
            "display_text": "Of the runtime: The threads that one worker computes with; absent: the cores over the workers, which is 1 where neither is set (an integer of at least 1)"
        },
        {
            "name": "CHARIOT_ENGINE_TIMEOUT",
            "type": "string",
            "default_value": "",
            "display_text": "Of the runtime: How long a request may take from its arrival to its answer; absent: as long as it needs (a duration such as 5s)"
        },
        {
            "name": "CHARIOT_ENGINE_QUEUE_SIZE",
            "type": "int",
            "default_value": "100",
            "display_text": "Of the runtime: The requests that may wait beyond those that run; more are refused with 503 (an integer of at least 0)"
        },
        {
            "name": "CHARIOT_ENGINE_MAX_BATCH",
            "type": "int",
            "default_value": "",
            "display_text": "Of the runtime: The most that one call of the model is given, in the engine's own unit; setting it lets requests share calls. Absent: what the engine says (an integer of at least 1)"
        },
        {
            "name": "CHARIOT_ENGINE_BATCH_DELAY",
            "type": "string",
            "default_value": "",
            "display_text": "Of the runtime: How long a call that several requests may share waits for those that are on their way; setting it lets requests share calls. Absent: what the engine says (a duration such as 5s)"
        },
        {
            "name": "CHARIOT_ENGINE_MAX_BODY",
            "type": "string",
            "default_value": "64MiB",
            "display_text": "Of the runtime: The largest body of a request, as it comes and as it is decompressed; larger ones are refused with 413 (a size such as 64MiB)"
        },
        {
            "name": "CHARIOT_ENGINE_MAX_INFLIGHT_BYTES",
            "type": "string",
            "default_value": "",
            "display_text": "Of the runtime: The most bytes that all requests in flight may hold, bodies and what is decoded from them; beyond it requests are refused with 503. Absent: 1GiB, or four times the largest body if that is more (a size such as 64MiB)"
        },
        {
            "name": "CHARIOT_ENGINE_MAX_PIXELS",
            "type": "int",
            "default_value": "50000000",
            "display_text": "Of the runtime: The most pixels of a decoded picture; larger ones are refused (an integer of at least 1)"
        },
        {
            "name": "CHARIOT_ENGINE_LOG_LEVEL",
            "type": "string",
            "default_value": "info",
            "display_text": "Of the runtime: How much is logged; absent: what `LOG_LEVEL` without the prefix says (one of off, error, warn, info, debug, trace)"
        }
    ],
    enforce_predictor_env_schema=True,
    inference_protocol="chariot-v2-kserve",
    container_root_relative_base_url=None,
    entrypoint=None,
    command=None,
)

model = import_model(
    project_id=PROJECT_ID,
    name="digits",
    version="0.1.0",
    summary="Served by digits 0.1.0",
    artifact_type=ArtifactType.CUSTOM_ENGINE,
    task_type=TaskType.IMAGE_CLASSIFICATION,
    class_labels={
        "0": 0,
        "1": 1,
        "2": 2,
        "3": 3,
        "4": 4,
        "5": 5,
        "6": 6,
        "7": 7,
        "8": 8,
        "9": 9
    },
    model_path="model.zip",
)

model.set_inference_server_settings(
    {
        "engine_selector": {
            "org_name": os.environ["CHARIOT_ORG_NAME"],
            "project_name": os.environ["CHARIOT_PROJECT_NAME"],
            "engine_name": "digits",
        }
    }
)
