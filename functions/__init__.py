"""The serverless functions, one folder each."""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Nothing that a start makes is garbage, and the search costs a tenth of the time: `shared/snapshot.py` ends this.
    gc.disable()
# There are none here, and the search for them reads the metadata of every package: 18 ms of a start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

import pydantic  # it looks at the variable when it is imported

# A model is built at its first use, whosever it is: FastAPI's own, of its API documents, took 40 ms and are never used.
pydantic.BaseModel.model_config = pydantic.ConfigDict(defer_build=True)
