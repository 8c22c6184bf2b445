"""What the documentation does not say: the module that `TaskType` is imported from, and which tasks it has beyond
`OBJECT_DETECTION` "and so on". This is the only place of the stand-in that goes beyond the documentation."""

import enum


class TaskType(enum.Enum):
    IMAGE_CLASSIFICATION = enum.auto()
    OBJECT_DETECTION = enum.auto()
    ORIENTED_OBJECT_DETECTION = enum.auto()
    IMAGE_SEGMENTATION = enum.auto()
    IMAGE_EMBEDDING = enum.auto()
    TEXT_EMBEDDING = enum.auto()
    TEXT_CLASSIFICATION = enum.auto()
    TOKEN_CLASSIFICATION = enum.auto()
    TEXT_GENERATION = enum.auto()
    SUMMARIZATION = enum.auto()
    TRANSLATION = enum.auto()
    TEXT_FILL_MASK = enum.auto()
    QUESTION_ANSWERING = enum.auto()
    STRUCTURED_DATA_CLASSIFICATION = enum.auto()
    STRUCTURED_DATA_REGRESSION = enum.auto()

    def to_json(self):
        return str(self)
