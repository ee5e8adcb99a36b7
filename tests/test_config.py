"""Settings: what each source says, which wins, and one clear line for each mistake."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config import ENV_PREFIX, Settings
from gateway.config_sources import SettingsError, described, leaves, load, redacted, variable
from gateway.lifeline import Greeting
from gateway.records import TAGS
from tests.gateway_process import COMMAND

PACKAGE = Path(__file__).parents[1] / "gateway"
# A key as people paste it; no line may ever show it.
SECRET = "AIza" + "SyNotARealKey-0123456789abcdefghijk"

ADDRESS = "must be host:port with a port of 0-65535, such as 127.0.0.1:8080, [::1]:8080, or :8080 for all addresses"
BAGGAGE_KEYS = "a list of keys as baggage has them, none of a namespace that the gateway writes itself"
URL = "must be http:// or https://, host, optional port and path prefix; no user, query or fragment"
SOURCE = 'header:<name> or baggage:<key> of what, by its name, holds no key and travels on, or "none"'
KEYED = "must be a text of at least 16 characters, and is needed for team = key-fingerprint"

BUDGET = '[[budgets]]\nname = "all"\nwindow = "daily"\n'
BUDGETS = (
    "must be tables [[budgets]], in the environment a JSON list, each with name, usd, window (daily or monthly), and "
    "team where it is one team's; a name stands once a window, and for one team"
)

FILE_MISTAKES = [
    pytest.param('upstreem = "x"', "upstreem (file c.toml): is no setting; did you mean upstream?", id="unknown key"),
    pytest.param(
        "[proxy]\nconnect_timeout = 5",
        "proxy.connect_timeout (file c.toml): is no setting; did you mean proxy.connect_timeout_s?",
        id="unknown key in a table",
    ),
    pytest.param(
        'workers = "two"',
        "workers = 'two' (file c.toml): must be a whole number from 1 to 256, or auto",
        id="a word where a number belongs",
    ),
    pytest.param(
        "workers = true",
        "workers = True (file c.toml): must be a whole number from 1 to 256, or auto",
        id="true is no number",
    ),
    pytest.param("workers = 0", "workers = 0 (file c.toml): must be a whole number from 1 to 256, or auto", id="none"),
    pytest.param("listen = 8080", f"listen = 8080 (file c.toml): {ADDRESS}", id="a port alone is no address"),
    pytest.param('listen = "::1:80"', f"listen = '::1:80' (file c.toml): {ADDRESS}", id="v6 without brackets"),
    pytest.param('admin = "a:99999"', f"admin = 'a:99999' (file c.toml): {ADDRESS}", id="port out of range"),
    pytest.param('upstream = "ftp://h"', f"upstream = 'ftp://h' (file c.toml): {URL}", id="wrong scheme"),
    pytest.param('upstream = "https://"', f"upstream = 'https://' (file c.toml): {URL}", id="no host"),
    pytest.param('upstream = "http://h:0x1"', f"upstream = 'http://h:0x1' (file c.toml): {URL}", id="no port"),
    pytest.param(
        'upstream = "https://me:hunter2@h"',
        f"upstream = 'https://(redacted)@h' (file c.toml): {URL}",
        id="a password in the URL is refused and not shown",
    ),
    pytest.param(
        f'upstream = "https://h/?key={SECRET}"',
        f"upstream = 'https://h/?(redacted)' (file c.toml): {URL}",
        id="a key in the query is refused and not shown",
    ),
    pytest.param(
        f'workers = "{SECRET}"',
        "workers = '(redacted)' (file c.toml): must be a whole number from 1 to 256, or auto",
        id="a key in the wrong place is not shown",
    ),
    pytest.param("proxy = 5", "proxy (file c.toml): must be a table: [proxy]", id="a value where a table belongs"),
    pytest.param(
        "[proxy]\nstall_threshold_s = nan",
        "proxy.stall_threshold_s = nan (file c.toml): must be a number of seconds above 0",
        id="nan is no time",
    ),
    pytest.param(
        '[labels]\nmodels = ["a*b"]',
        "labels.models = ['a*b'] (file c.toml): must be a list of exact names, or prefixes that end in `*`",
        id="a star in the middle",
    ),
    pytest.param(
        '[traces]\ninbound = "maybe"',
        "traces.inbound = 'maybe' (file c.toml): must be trusted or untrusted",
        id="half a trust",
    ),
    pytest.param(
        '[traces]\nbaggage_keys = ["tenant", "a b"]',
        f"traces.baggage_keys = ['tenant', 'a b'] (file c.toml): must be {BAGGAGE_KEYS}",
        id="no key of baggage",
    ),
    pytest.param(
        '[traces]\nbaggage_keys = ["gen_ai.request.model"]',
        f"traces.baggage_keys = ['gen_ai.request.model'] (file c.toml): must be {BAGGAGE_KEYS}",
        id="baggage under a name of ours",
    ),
    pytest.param(
        '[log]\nformat = "xml"',
        "log.format = 'xml' (file c.toml): must be json, console or live",
        id="not one of the words",
    ),
    pytest.param(
        '[capture]\ncontent = "all"',
        "capture.content = 'all' (file c.toml): must be auto, NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT",
        id="a word for content that isn't known",
    ),
    pytest.param(
        '[capture]\nredact = ["ok", "(a+)+"]',
        "capture.redact = ['ok', '(a+)+'] (file c.toml): must be a list of at most 64 regular expressions (Python's) "
        "that match no empty text, without repeats of a group that holds a repeat or a `|`; in the environment one a "
        "line",
        id="an expression that may take for ever",
    ),
    pytest.param(
        "[capture]\nmax_bytes = 10",
        "capture.max_bytes = 10 (file c.toml): must be a whole number from 1024 to 1048576",
        id="too few bytes for any content",
    ),
    pytest.param(
        '[proxy]\nca_file = "nowhere.pem"',
        "proxy.ca_file = 'nowhere.pem' (file c.toml): must be a readable file of PEM certificates",
        id="a file that is not there",
    ),
    pytest.param(
        '[pricing]\nfile = "nowhere.toml"',
        "pricing.file = 'nowhere.toml' (file c.toml): must be a readable TOML file",
        id="prices that are not there",
    ),
    pytest.param("budgets = 5", f"budgets = 5 (file c.toml): {BUDGETS}", id="a number where budgets belong"),
    pytest.param(
        f"{BUDGET}usd = -1\n",
        "budgets 1.usd = -1 (file c.toml): must be US dollars, a number above 0",
        id="a budget of less than nothing",
    ),
    pytest.param(
        f'{BUDGET}usd = 1\n{BUDGET}usd = 1\nteem = "x"\n',
        "budgets 2.teem (file c.toml): is no key; allowed are name, usd, window, team",
        id="a slip in a budget's key",
    ),
    pytest.param(
        BUDGET, "budgets 1.usd (file c.toml): must be US dollars, a number above 0", id="a budget without an amount"
    ),
    pytest.param(
        f"{BUDGET}usd = 1\n{BUDGET}usd = 2\n",
        f"budgets = [{{'…': '…'}}, {{'…': '…'}}] (file c.toml): {BUDGETS}",
        id="one budget twice",
    ),
    pytest.param(
        f'{BUDGET}usd = 1\n{BUDGET.replace("daily", "monthly")}usd = 2\nteam = "x"\n',
        f"budgets = [{{'…': '…'}}, {{'…': '…'}}] (file c.toml): {BUDGETS}",
        id="one name for two teams",
    ),
    pytest.param(
        f'{BUDGET}usd = 1\nteam = "x"\n',
        "budgets 1.team = 'x' (file c.toml): wants attribution.team: without it no cost is a team's",
        id="a team's budget, and nobody has a team",
    ),
    pytest.param(
        '[attribution]\nteam = "x-team"',
        f"attribution.team = 'x-team' (file c.toml): must be key-fingerprint, {SOURCE}",
        id="a team from nowhere",
    ),
    pytest.param(
        '[attribution]\nteam = "header:Authorization"',
        f"attribution.team = 'header:Authorization' (file c.toml): must be key-fingerprint, {SOURCE}",
        id="a header that holds a key",
    ),
    pytest.param(
        '[attribution]\nteam = "header:X-LiteLLM-API-Key"',
        f"attribution.team = 'header:X-LiteLLM-API-Key' (file c.toml): must be key-fingerprint, {SOURCE}",
        id="a header whose name says that it holds a key",
    ),
    pytest.param(
        '[attribution]\nuser = "baggage:access_token"',
        f"attribution.user = 'baggage:access_token' (file c.toml): must be {SOURCE}",
        id="a member of baggage whose name says so",
    ),
    pytest.param(
        '[attribution]\napp = "header:TE"',
        f"attribution.app = 'header:TE' (file c.toml): must be {SOURCE}",
        id="a header that ends at each hop",
    ),
    pytest.param(
        '[attribution]\nuser = "key-fingerprint"',
        f"attribution.user = 'key-fingerprint' (file c.toml): must be {SOURCE}",
        id="a key tells a team, no user",
    ),
    pytest.param(
        '[attribution]\nuser = "baggage:user id"',
        f"attribution.user = 'baggage:user id' (file c.toml): must be {SOURCE}",
        id="no key of baggage",
    ),
    pytest.param(
        '[attribution]\nteam = "key-fingerprint"',
        f"attribution.fingerprint_secret: {KEYED}",
        id="a fingerprint without a secret",
    ),
    pytest.param(
        '[attribution]\nfingerprint_secret = "hunter2"',
        f"attribution.fingerprint_secret (file c.toml): {KEYED}",
        id="a secret that is too short is not shown",
    ),
    pytest.param(
        "[attribution.team_names]\na = 5",
        "attribution.team_names = {'…': '…'} (file c.toml): must be a table of value = name",
        id="a name that is none",
    ),
    pytest.param(
        "[labels]\nmax_series = 0",
        "labels.max_series = 0 (file c.toml): must be a whole number of at least 1",
        id="no series at all",
    ),
]

ENVIRONMENT_MISTAKES = [
    pytest.param(
        {"INTERACTIONS_GATEWAY_LISTENN": SECRET},
        "INTERACTIONS_GATEWAY_LISTENN (environment): is no setting; did you mean INTERACTIONS_GATEWAY_LISTEN?",
        id="unknown variable, its value not shown",
    ),
    pytest.param(
        {"INTERACTIONS_GATEWAY_ATTRIBUTION__STRIP": "maybe"},
        "attribution.strip = 'maybe' (environment INTERACTIONS_GATEWAY_ATTRIBUTION__STRIP): must be true or false",
        id="wrong type",
    ),
    pytest.param(
        {"INTERACTIONS_GATEWAY_BUDGETS": '[{"name": "all"'},
        f'budgets = \'[{{"name": "all"\' (environment INTERACTIONS_GATEWAY_BUDGETS): {BUDGETS}',
        id="broken JSON",
    ),
    pytest.param(
        {"INTERACTIONS_GATEWAY_BUDGETS": '[{"name": "all", "usd": "many", "window": "daily"}]'},
        "budgets 1.usd = 'many' (environment INTERACTIONS_GATEWAY_BUDGETS): must be US dollars, a number above 0",
        id="a mistake inside of JSON",
    ),
    pytest.param(
        {"INTERACTIONS_GATEWAY_CONFIG": "nowhere.toml"},
        "config file = nowhere.toml (INTERACTIONS_GATEWAY_CONFIG): can't be read: No such file or directory",
        id="a missing file",
    ),
]


@pytest.mark.parametrize(("text", "line"), FILE_MISTAKES)
def test_a_mistake_in_the_file_is_one_clear_line(tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file, environ={})

    assert str(caught.value) == line


@pytest.mark.parametrize(("environ", "line"), ENVIRONMENT_MISTAKES)
def test_a_mistake_in_the_environment_is_one_clear_line(environ: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ=environ)

    assert str(caught.value) == line


def test_broken_toml_names_the_place(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("workers = = 2", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file, environ={})

    assert len(caught.value.mistakes) == 1
    assert "is no valid TOML: Invalid value (at line 1, column 11)" in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("workers = 0\nunknown = 1\n[traces]\nkeep_ratio = 2\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file, {"listen": "x"}, {"INTERACTIONS_GATEWAY_LOG__LEVEL": "loud"})

    assert [mistake.where for mistake in caught.value.mistakes] == [
        "unknown",
        "listen",
        "workers",
        "traces.keep_ratio",
        "log.level",
    ]


def test_flags_win_over_environment_and_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('listen = "a:1"\nadmin = "a:1"\nworkers = 7\n[proxy]\nconnect_timeout_s = 3\n', encoding="utf-8")
    environ = {
        "INTERACTIONS_GATEWAY_CONFIG": str(file),
        "INTERACTIONS_GATEWAY_LISTEN": "b:2",
        variable(("admin",)): "b:2",
    }
    settings = load(None, {"listen": "c:3", "workers": None}, environ)

    assert (settings.listen, settings.admin, settings.workers) == ("c:3", "b:2", 7)
    assert settings.proxy.connect_timeout_s == 3.0


def test_words_and_expressions_of_capture_in_the_environment() -> None:
    """Words in any letters; expressions one a line, since a comma is a part of many."""
    environ = {
        "INTERACTIONS_GATEWAY_CAPTURE__CONTENT": "span_only",
        "INTERACTIONS_GATEWAY_CAPTURE__REDACT": "\\d{4,8}\n\n  a,b \n",
    }
    capture = load(environ=environ).capture

    assert (capture.content, capture.redact) == ("SPAN_ONLY", ("\\d{4,8}", "a,b"))


def test_the_flag_names_another_file_than_the_environment(tmp_path: Path) -> None:
    for name, workers in (("flag", 2), ("variable", 3)):
        (tmp_path / name).write_text(f"workers = {workers}", encoding="utf-8")
    settings = load(tmp_path / "flag", environ={"INTERACTIONS_GATEWAY_CONFIG": str(tmp_path / "variable")})

    assert settings.workers == 2


def test_every_setting_has_a_variable_a_purpose_and_a_default_that_it_allows() -> None:
    """Text is enough for each: what the environment says must be able to say the default."""
    environ = {}
    for key, doc, allowed in leaves():
        value: Any = Settings()
        for name in key:
            value = getattr(value, name)
        text = "none" if value is None else ",".join(value) if isinstance(value, tuple) else str(value)
        environ[variable(key)] = text
        assert doc, key
        assert allowed, key

    assert load(environ=environ) == Settings()


def test_every_setting_is_read_somewhere() -> None:
    """Outside the files that define and load them; tags are read by their names in TAGS."""
    sources = [path for path in PACKAGE.rglob("*.py") if path.name not in ("config.py", "config_sources.py")]
    words = set(re.findall(r"""\.(\w+)|\["(\w+)"\]""", "\n".join(path.read_text(encoding="utf-8") for path in sources)))
    read = {word for pair in words for word in pair} | set(TAGS)

    assert [".".join(key) for key, _, _ in leaves() if key[-1] not in read] == []


def test_what_check_config_prints_can_be_read_again(tmp_path: Path) -> None:
    environ = {
        "LABELS__CODES": "One,two",
        "WORKERS": "auto",
        "ATTRIBUTION__TEAM": "header:X-Team",
        "ATTRIBUTION__TEAM_NAMES": "1c4a=search, 77aa = the ads",
        "BUDGETS": '[{"name": "a", "usd": 9.5, "window": "daily"}, '
        '{"name": "b", "usd": 1, "window": "daily", "team": "t"}]',
    }
    settings = load(environ={ENV_PREFIX + name: value for name, value in environ.items()})
    file = tmp_path / "c.toml"
    file.write_text(described(settings), encoding="utf-8")

    assert load(file, environ={}) == settings
    assert settings.labels.codes == ("one", "two")
    assert [(budget.name, budget.usd, budget.team) for budget in settings.budgets] == [
        ("a", 9.5, None),
        ("b", 1, "t"),
    ]
    assert settings.attribution.team == "header:x-team"
    assert settings.attribution.team_names == (("1c4a", "search"), ("77aa", "the ads"))


def test_check_config_does_not_print_a_secret() -> None:
    settings = Settings.model_validate({"attribution": {"fingerprint_secret": SECRET}})

    assert SECRET not in described(settings)
    assert SECRET not in repr(settings)
    assert "# fingerprint_secret is set" in described(settings)


def test_a_mistake_of_who_embeds_us_does_not_show_a_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"attribution": {"fingerprint_secret": SECRET[:15]}})

    assert SECRET[:15] not in str(caught.value)


def test_headers_in_which_a_proxy_tells_who_signed_in_hold_no_key() -> None:
    settings = load(environ={"INTERACTIONS_GATEWAY_ATTRIBUTION__USER": "header:X-Auth-Request-Email"})

    assert settings.attribution.user == "header:x-auth-request-email"


def test_names_of_teams_are_a_table(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[attribution.team_names]\n1c4a = "search"\n"a b=c" = "ads"\n', encoding="utf-8")

    assert load(file, environ={}).attribution.team_names == (("1c4a", "search"), ("a b=c", "ads"))


@pytest.mark.parametrize("service", ["", "METRICS_", "TEAM_A_"])
def test_variables_that_kubernetes_sets_for_a_service_of_our_name_are_no_mistake(service: str) -> None:
    """Also of one whose name only begins so; but one that no Service stands behind is a mistake."""
    names = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_ADDR")
    environ = {ENV_PREFIX + service + name: "tcp://10.0.0.1:8080" for name in names}

    assert load(environ=environ) == Settings()
    del environ[f"{ENV_PREFIX}{service}SERVICE_HOST"]
    with pytest.raises(SettingsError) as raised:
        load(environ=environ)
    assert len(raised.value.mistakes) == len(names) - 1


def test_settings_ignore_the_environment_unless_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERACTIONS_GATEWAY_WORKERS", "5")

    assert Settings().workers == 1
    assert load().workers == 5


def test_settings_survive_the_way_to_a_child() -> None:
    settings = load(
        environ={"INTERACTIONS_GATEWAY_LABELS__MODELS": "a,b*", "INTERACTIONS_GATEWAY_ATTRIBUTION__STRIP": "true"}
    )

    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"x {SECRET} y", id="an API key"),
        pytest.param(f"https://u:{SECRET}@h/", id="a password"),
        pytest.param(f"Bearer {SECRET}", id="a bearer token"),
        pytest.param(f"/v1?key={SECRET}&alt=sse", id="a query"),
    ],
)
def test_what_looks_like_a_secret_is_cut_out(text: str) -> None:
    assert SECRET not in redacted(text)


@pytest.mark.parametrize("command", ["serve", "demo", "check-config", "healthcheck"])
def test_a_mistake_ends_every_command_with_exit_code_2(command: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("workers = 0", encoding="utf-8")
    ended = subprocess.run(
        [COMMAND, command, "--config", file], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 2
    assert ended.stderr == (
        "interactions-gateway: workers = 0 (file c.toml): must be a whole number from 1 to 256, or auto\n"
    )
    assert ended.stdout == ""


@pytest.mark.parametrize("command", ["serve", "check-config"])
def test_a_mistake_in_the_price_file_is_told_before_the_start(command: str, tmp_path: Path) -> None:
    prices, file = tmp_path / "prices.toml", tmp_path / "c.toml"
    prices.write_text("[[model]]\nmatch = 5\n", encoding="utf-8")
    file.write_text(f'[pricing]\nfile = "{prices}"\n', encoding="utf-8")
    ended = subprocess.run(
        [COMMAND, command, "--config", file], capture_output=True, text=True, timeout=30, check=False
    )
    lines = ended.stderr.splitlines()

    assert (ended.returncode, ended.stdout) == (2, "")
    assert lines[0] == (
        "interactions-gateway: pricing.file: prices.toml: model 1.match = 5: must be a model or agent, or a list: "
        "exact names, or prefixes with one `*` at the end"
    )
    assert len(lines) == 5


def test_a_child_of_the_supervisor_sees_the_settings_that_were_checked(tmp_path: Path) -> None:
    """It gets them as JSON and makes no model of them: every value and its type must be what the model has."""
    trusted = tmp_path / "ca.pem"
    trusted.write_text("", encoding="utf-8")
    environ = {f"{ENV_PREFIX}PROXY__CA_FILE": str(trusted), f"{ENV_PREFIX}ATTRIBUTION__TEAM_NAMES": "a=b,c=d"}
    checked = load(flags={"workers": "auto"}, environ=environ)
    message = {"settings": json.loads(checked.model_dump_json()), "worker": 0, "forwarders": 1, "records": "@a"}
    handed = Greeting({**message, "draining": False, "restarts": {}, "started_unix_s": 0.0}).settings
    for key, _, _ in leaves():
        wanted, got = functools.reduce(getattr, key, checked), functools.reduce(getattr, key, handed)
        assert (got, type(got)) == (wanted, type(wanted)), key


def test_who_embeds_us_may_give_a_path(tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_text("", encoding="utf-8")

    given = {"proxy": {"ca_file": trusted}}
    assert Settings.model_validate(given).proxy.ca_file == str(trusted)
