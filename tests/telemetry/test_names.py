"""The catalogue of names: whole, without doubles, and the only place that spells them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from gateway.telemetry import names
from gateway.telemetry.catalogue import Family

TELEMETRY = Path(names.__file__).parent
GATEWAY = TELEMETRY.parent
MODULES = ("names.py", "span_names.py", "label_names.py", "semconv_names.py", "dialect_names.py", "catalogue.py")
TO_COME = frozenset(
    {
        *("TOOL_CALL_ARGUMENTS", "TOOL_CALL_RESULT", "TOOL_DEFINITIONS", "INPUT_MESSAGES", "OUTPUT_MESSAGES"),
        *("SYSTEM_INSTRUCTIONS", "USER_ID", "TEAM", "APP", "CLIENT_NAME", "KEPT_BY"),
    }
)
SPELLED = re.compile(
    r"\b(gen_ai|interactions_gateway|openinference|langfuse)[._]\w|\binteractions\.[a-z_]+(\.[a-z_]+)*$"
)


def test_every_family_stands_in_one_list() -> None:
    made = [value.name for value in vars(names).values() if isinstance(value, Family)]
    listed = [family.name for family in (*names.FAMILIES, *names.SEMCONV_FAMILIES["both"])]

    assert sorted(listed) == sorted(set(listed)) == sorted(made)


def test_every_setting_of_the_second_set_is_a_part_of_both() -> None:
    both = {family.dotted for family in names.SEMCONV_FAMILIES["both"]}

    assert {family.dotted for mode in ("v1_41", "latest") for family in names.SEMCONV_FAMILIES[mode]} == both


def test_every_label_is_explained() -> None:
    used = {label for family in names.FAMILIES for label in family.labelled(teams=True).labels}

    assert used == names.LABELS.keys()


def test_every_counter_and_gauge_has_a_unit() -> None:
    """What is neither time, size, money nor tokens says what it counts; facts of the build are 1."""
    without = {family.name.removeprefix(names.PREFIX) for family in names.FAMILIES if family.unit == "1"}

    assert without == {"build_info", "unexpected_plain_path", "config_last_reload_successful"}


def test_no_attribute_stands_twice_and_each_names_its_spans() -> None:
    listed = [attribute.name for attribute in names.ATTRIBUTES]
    places = {names.ON_LINK, names.ON_RESOURCE, names.ON_METRIC, names.ON_EVENT}
    spans = {span.key for span in names.SPAN_KINDS} | places

    assert len(listed) == len(set(listed))
    assert all(attribute.on and spans.issuperset(attribute.on) for attribute in names.ATTRIBUTES)
    assert all(attribute.help and attribute.when for attribute in names.ATTRIBUTES)


def test_the_modules_behind_names_share_no_name() -> None:
    """One would hide the other."""
    made: Counter[str] = Counter()
    for module in MODULES:
        tree = ast.parse((TELEMETRY / module).read_text(encoding="utf-8"))
        targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
        flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
        made.update(one.id for one in flat if isinstance(one, ast.Name) and not one.id.startswith("_"))

    assert len(made) > 200
    assert [name for name, times in made.items() if times > 1] == []


def test_every_attribute_is_used() -> None:
    """What nobody sets is no attribute of ours, but for those that are to come."""
    code = "".join(path.read_text(encoding="utf-8") for path in TELEMETRY.glob("*.py") if path.name not in MODULES)
    constants = {value: name for name, value in vars(names).items() if isinstance(value, str) and name.isupper()}
    unused = {
        constants[attribute.name]
        for attribute in names.ATTRIBUTES
        if attribute.name in constants and not re.search(rf"names\.{constants[attribute.name]}\b", code)
    }

    # Of the second set's metrics, which refer to them as labels.
    assert unused - TO_COME == {"TOKEN_MODALITY", "TOKEN_TYPE"}


def test_nothing_else_spells_a_name() -> None:
    """No text of the gateway's code, outside the catalogue, is a name of it or of a namespace it uses."""
    known = {attribute.name for attribute in names.ATTRIBUTES if "." in attribute.name}
    known |= {family.name for family in names.FAMILIES}
    found = [
        f"{path.relative_to(GATEWAY)}: {text}"
        for path in GATEWAY.rglob("*.py")
        if path.name not in MODULES and "simulator" not in path.parts
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
