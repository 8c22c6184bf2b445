"""The models of the examples in Python. `server.py` and `alone.py` import it.

A model is a class: it loads in a folder, `infer` answers the inputs of a request, and `call` runs the model once for the
same request, with everything ready that is not the model."""


def load(name, folder):
    """Loads a model. Each library is imported only for its own models: not every environment has both."""
    if name in ("image-classification", "face-detection"):
        import torch_models as library
    else:
        import onnx_models as library
    return library.MODELS[name](folder)
