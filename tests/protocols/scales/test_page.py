"""docs/scales.md tells what the registry has, and how others run the kit."""

from __future__ import annotations

import pytest

from kiosk.protocols.scales import registry
from tests.protocols.scales import page


def test_the_page_is_what_the_registry_says() -> None:
    _, between, _ = page.parts(page.PAGE.read_text("utf-8"))
    assert between == page.generated(), "run: python -m tests.protocols.scales.page"


def test_a_section_has_the_picture_and_every_parameter_and_command(subtests: pytest.Subtests) -> None:
    for protocol in sorted(registry.PROTOCOLS):
        with subtests.test(protocol=protocol):
            row = registry.get(protocol)
            text = "\n".join(page.section(row))
            assert row.picture.strip("\n").splitlines()[0] in text
            assert all(f"`{parameter.name}=" in text for parameter in row.parameters)
            assert all(f"`{command}`" in text for command in row.commands)


def test_a_page_without_its_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="lost its marks"):
        page.parts("# Scales")
