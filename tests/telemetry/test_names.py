"""The catalogue of names: whole, without doubles, and the only place that spells them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from gateway.telemetry import label_names, names, span_names
from gateway.telemetry.catalogue import Family

GATEWAY = Path(names.__file__).parents[1]
CATALOGUE = frozenset({"names.py", "span_names.py", "label_names.py", "catalogue.py", "semconv_names.py"})
FAMILIES = (*names.FAMILIES, *names.FAMILIES_TO_COME)
SPELLED = re.compile(
    r"\b(gen_ai|interactions_gateway|openinference|langfuse)[._]\w|\binteractions\.[a-z_]+(\.[a-z_]+)*$"
)


def test_every_family_stands_in_one_list() -> None:
    made = {name for name, value in vars(names).items() if isinstance(value, Family)}
    listed = [family.name for family in FAMILIES]

    assert len(listed) == len(set(listed)) == len(made)


def test_every_label_is_explained() -> None:
    used = {label for family in FAMILIES for label in family.labelled(teams=True).labels}

    assert used == names.LABELS.keys()


def test_every_counter_and_gauge_has_a_unit() -> None:
    """What is neither time, size, money nor tokens says what it counts; facts of the build are 1."""
    without = {family.name.removeprefix(names.PREFIX) for family in FAMILIES if family.unit == "1"}

    assert without == {"build_info", "unexpected_plain_path"}


def test_no_attribute_stands_twice_and_each_names_its_spans() -> None:
    listed = [attribute.name for attribute in names.ATTRIBUTES]
    spans = {span.key for span in names.SPAN_KINDS} | {names.ON_LINK, names.ON_RESOURCE, names.ON_EVENT}

    assert len(listed) == len(set(listed))
    assert all(attribute.on and spans.issuperset(attribute.on) for attribute in names.ATTRIBUTES)
    assert all(attribute.help and attribute.when for attribute in names.ATTRIBUTES)


def test_the_modules_behind_names_share_no_name() -> None:
    """One would hide the other."""
    here = {name for name in vars(label_names) if name.isupper()}

    assert not here & {name for name in vars(span_names) if name.isupper()}


def test_nothing_else_spells_a_name() -> None:
    """No text of the gateway's code, outside the catalogue, is a name of it or of a namespace it uses."""
    known = {attribute.name for attribute in names.ATTRIBUTES if "." in attribute.name}
    known |= {family.name for family in FAMILIES}
    found = [
        f"{path.relative_to(GATEWAY)}: {text}"
        for path in GATEWAY.rglob("*.py")
        if path.name not in CATALOGUE and "simulator" not in path.parts
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if text in known or SPELLED.search(text)
    ]

    assert not found


def _texts(tree: ast.AST) -> list[str]:
    prose = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                prose.add(id(first.value))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]
