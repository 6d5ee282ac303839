"""The page on models of one's own: its example is one."""

import re

from local.project import PROJECT
from shared.ai.models.catalogue import Catalogue

[EXAMPLE] = re.findall(r"```json\n(.*?)```", (PROJECT / "docs" / "models.md").read_text("utf-8"), re.DOTALL)


def test_the_example_of_the_page_is_taken() -> None:
    """As it stands there, it is a model of the standard class that costs nothing."""
    model = Catalogue.load(EXAMPLE).get("llama3.2")
    assert (model.model_class, model.provider, model.max_output_tokens) == ("standard", "compatible", 8192)
    assert {price.start for price in model.prices} == {None}
