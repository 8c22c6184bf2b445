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
            "display_text": "How many labels to report, in the layout `objects`"
        },
        {
            "name": "CHARIOT_ENGINE_DEVICE",
            "type": "string",
            "default_value": "auto",
            "display_text": "Device"
        },
        {
            "name": "CHARIOT_ENGINE_WORKERS",
            "type": "int",
            "default_value": "",
            "display_text": "Workers"
        },
        {
            "name": "CHARIOT_ENGINE_SCORE_THRESHOLD",
            "type": "float",
            "default_value": "0.5",
            "display_text": "Score threshold"
        },
        {
            "name": "CHARIOT_ENGINE_OUTPUT_LAYOUT",
            "type": "string",
            "default_value": "",
            "display_text": "Output layout"
        },
        {
            "name": "CHARIOT_ENGINE_TIMEOUT",
            "type": "string",
            "default_value": "",
            "display_text": "Request timeout"
        },
        {
            "name": "CHARIOT_ENGINE_LOG_LEVEL",
            "type": "string",
            "default_value": "info",
            "display_text": "Log level"
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
