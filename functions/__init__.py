"""The serverless functions, one folder each."""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # A start creates no garbage, and collecting takes a tenth of its time; `shared/snapshot.py` enables it again.
    gc.disable()
# No plugins are installed, and the search for them takes 18 ms of a start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

import pydantic  # reads the variable at its import

# Models are built at their first use: FastAPI's own, for its API documents, took 40 ms and are never used.
pydantic.BaseModel.model_config = pydantic.ConfigDict(defer_build=True)
