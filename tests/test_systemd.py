"""The systemd unit: what it promises fits what the gateway does; systemd itself reads it, where it is installed."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

from gateway.config import Settings
from gateway.supervisor import EXIT_MISTAKE, FORWARDER_SLACK_S, OBSERVER_FLUSH_S
from tests.gateway_process import COMMAND

UNIT = Path(__file__).parents[1] / "config" / "systemd" / "interactions-gateway.service"
INSTALLED = "/opt/interactions-gateway/bin/interactions-gateway"
MAX_EXPOSURE = 1.5  # of 10; what is left is the network, which it is for

# systemd.unit(5), .service(5), .exec(5), .kill(5) of version 252: a name that isn't here is a slip, or is to be added.
KNOWN = {
    "Unit": {"Description", "Documentation", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Install": {"WantedBy"},
    "Service": {
        *("Type", "ExecStart", "ExecReload", "Restart", "RestartSec", "RestartPreventExitStatus", "SuccessExitStatus"),
        *("TimeoutStopSec", "KillMode", "EnvironmentFile", "DynamicUser", "UMask", "LimitNOFILE", "NoNewPrivileges"),
        *(
            "CapabilityBoundingSet",
            "AmbientCapabilities",
            "ProtectSystem",
            "ProtectHome",
            "ProtectClock",
            "ProtectProc",
        ),
        *("ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "PrivateUsers"),
        *("ProtectKernelTunables", "ProcSubset", "PrivateTmp", "PrivateDevices", "RestrictAddressFamilies"),
        *("RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "RemoveIPC", "LockPersonality"),
        *("MemoryDenyWriteExecute", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"),
    },
}


def directives() -> dict[str, dict[str, list[str]]]:
    """By section and name; a name may stand more than once."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = {}
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[section].setdefault(name, []).append(value)
    return found


def one(name: str) -> str:
    """The one value of a directive of the service."""
    (value,) = directives()["Service"][name]
    return value


def test_every_directive_is_one_of_systemds() -> None:
    assert {section: set(found) - KNOWN[section] for section, found in directives().items()} == {
        "Unit": set(),
        "Service": set(),
        "Install": set(),
    }


def test_it_stops_no_sooner_than_the_gateway_has_drained() -> None:
    """Else systemd would kill what still streams. Both numbers stand in the unit's comment."""
    grace_s = Settings().grace_period_s
    after_s = math.ceil(FORWARDER_SLACK_S + OBSERVER_FLUSH_S)

    assert grace_s + after_s < int(one("TimeoutStopSec")) < grace_s + 2 * after_s
    assert f"grace_period_s ({grace_s:.0f}), then {after_s} s" in UNIT.read_text(encoding="utf-8")


def test_signals_are_those_that_the_supervisor_knows() -> None:
    """mixed: SIGTERM to the supervisor alone, which tells the others when it is their turn."""
    assert one("KillMode") == "mixed"
    assert one("ExecReload") == "/bin/kill -HUP $MAINPID"
    assert "KillSignal" not in directives()["Service"]  # SIGTERM is systemd's own


def test_it_comes_back_unless_its_settings_are_wrong() -> None:
    assert one("Restart") == "always"
    assert one("RestartPreventExitStatus") == str(EXIT_MISTAKE)


def test_it_needs_no_privilege() -> None:
    service = directives()["Service"]

    assert service["DynamicUser"] == service["NoNewPrivileges"] == ["yes"]
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == [""]
    assert service["ProtectSystem"] == ["strict"]
    # The observer makes itself nicer: without @resources it couldn't.
    assert service["SystemCallFilter"] == ["@system-service", "~@privileged"]


def test_systemd_understands_it_where_it_is_installed(tmp_path: Path) -> None:
    """Its verifier finds nothing, and its own measure of exposure is low. Elsewhere the tests above have to do."""
    text = UNIT.read_text(encoding="utf-8")
    assert INSTALLED in text
    if shutil.which("systemd-analyze") is None:
        return
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace(INSTALLED, str(COMMAND)), encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60
    )
    measured = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", measured.stdout)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    assert exposure is not None
    assert float(exposure[1]) <= MAX_EXPOSURE
