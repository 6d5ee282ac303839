"""The shares of a long result, as parts of its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.generate_ai_content.content_types.output import Output
from shared.ai import Part, Structure
from shared.ai.prompt import bare, strict_schema


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a long result that one of several requests writes: some items of its list.

    `numbers` has, by field, the number that each item must have, in order.
    """

    instruction: str
    items: str
    numbers: Mapping[str, Sequence[int]]

    def count(self) -> int:
        """Return the number of items."""
        return len(next(iter(self.numbers.values())))


def part(name: str, output: type[Output], share: Share) -> Part:
    """Return the part that writes a share."""
    return Part(share.instruction, Structure(name, _schema(output, share), _ShareCheck(output, share).parse))


def _schema(output: type[Output], share: Share) -> dict[str, Any]:
    """Return the schema of the result with the share's number of items and its allowed numbers."""
    schema = strict_schema(output, {share.items: share.count()})
    reference = schema["properties"][share.items]["items"]["$ref"].removeprefix("#/$defs/")
    for field, numbers in share.numbers.items():
        schema["$defs"][reference]["properties"][field] = {"type": "integer", "enum": list(numbers)}
    return schema


@dataclass(frozen=True, slots=True)
class _ShareCheck:
    output: type[Output]
    share: Share

    def parse(self, text: str) -> dict[str, Any]:
        """Return the share's list; raise ValueError unless its items have the numbers of the share."""
        items = getattr(self.output.model_validate_json(bare(text)), self.share.items)
        for field, numbers in self.share.numbers.items():
            if [getattr(item, field) for item in items] != list(numbers):
                raise ValueError(f"{field} must be {', '.join(map(str, numbers))}, in this order")
        return {self.share.items: [item.model_dump(by_alias=True) for item in items]}
