"""The front door for prompts: what they are made of, and how a model's answer is read.

Prompt            instructions from text files, with a version; `walled` separates data from them by the `WALL`
fitted            a value cut to a budget of bytes; `prompt_bytes` is the size of a whole prompt
workspace_data    the company, products and voice of a configuration; `prospect_data` a prospect, without contacts
custom_instructions, preferred_language, preferred_tone   the owner's wishes for texts
strict_schema     the schema of a Pydantic model, as providers take it; `bare` and `object_of` read the answer
Evidence          whether a quote stands in the data
with_image        a message with a picture beside its text
"""

from shared.ai.prompt.evidence import Evidence
from shared.ai.prompt.knowledge import (
    custom_instructions,
    preferred_language,
    preferred_tone,
    prospect_data,
    workspace_data,
)
from shared.ai.prompt.model_json import bare, object_of
from shared.ai.prompt.size import prompt_bytes
from shared.ai.prompt.template import WALL, Prompt, fitted, walled
from shared.ai.provider.strict_schema import strict_schema
from shared.ai.provider.vision import with_image

__all__ = [
    "WALL", "Evidence", "Prompt", "bare", "custom_instructions", "fitted", "object_of", "preferred_language",
    "preferred_tone", "prompt_bytes", "prospect_data", "strict_schema", "walled", "with_image", "workspace_data",
]  # fmt: skip
