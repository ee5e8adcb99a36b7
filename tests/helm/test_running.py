"""What was rendered is run: the container's command, environment, volumes and user, its probes, and its end.

Not here: whether Kubernetes takes the objects (test_validation.py), Prometheus (test_newcomer.py).
"""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway import addresses
from gateway.keys import fingerprint
from helm.values import CHART
from tests.gateway_process import SimulatorProcess, wait_until
from tests.helm.asking import Asking
from tests.helm.containers import APPLICATION, GATEWAY, Container
from tests.helm.releases import Ports, Values, application, pod_of, release, secret
from tests.helm.render import NAMESPACE
from tests.ports import is_refused

ANSWER = "1, 2, 3, 4, 5, 6, 7, 8 — fin."  # of the scenario `text`
SECRET = "a secret of sixteen bytes or more"
OPENSHIFT = {"podSecurityContext": {"runAsUser": 1000740000, "runAsGroup": 0}}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize(
    ("values", "uid", "gid"),
    [
        pytest.param({}, 65532, 65532, id="the image's user"),
        pytest.param(
            {"podSecurityContext": {"runAsUser": 1000740000, "runAsGroup": 0}}, 1000740000, 0, id="OpenShift's"
        ),
    ],
)
def test_the_container_serves_a_stream_and_passes_its_probes(
    simulator: SimulatorProcess, ports: Ports, folder: Path, values: Values, uid: int, gid: int
) -> None:
    pod = pod_of(release(simulator.url, ports, values))
    with Container(pod, "gateway", GATEWAY, folder) as gateway:
        gateway.starts()
        with Asking(ports["proxy"], simulator) as asking:
            assert asking.status == 200
            assert asking.read_to_end().is_exact()
        for name in PROBES:
            assert gateway.passes(name), name

        # Who it is, in all its processes, and what it can do.
        assert len(gateway.pids()) == 3
        for pid in gateway.pids():
            seen = status(pid)
            assert gateway.runs_as_present_user or seen["NoNewPrivs"] == "1"
            assert gateway.runs_as_present_user or seen["CapEff"] == seen["CapPrm"] == seen["CapBnd"] == "0" * 16
        told = gateway.execute(["id", "-u"]).stdout.strip(), gateway.execute(["id", "-g"]).stdout.strip()
        assert gateway.runs_as_present_user or told == (str(uid), str(gid))
        if gateway.is_confined:
            tried = gateway.execute(["touch", "/x", "/tmp/x", "/var/tmp/x", "/etc/interactions-gateway/x"])
            assert tried.stderr.count("Read-only file system") == 4

        # What it was told by the environment arrived.
        (listening,) = gateway.events("listening")
        assert addresses.split_address(listening["proxy"].removeprefix("http://"))[1] == ports["proxy"]
        assert listening["upstream"] == simulator.url

        gateway.terminate()
        assert gateway.wait(15) == 0


def test_a_pod_that_is_deleted_lets_its_streams_end(simulator: SimulatorProcess, ports: Ports, folder: Path) -> None:
    """During the sleep all goes on; after the word to end nothing new comes in, and what is open is whole."""
    pod = pod_of(release(simulator.url, ports, {"preStopSleepSeconds": 1}))
    with Container(pod, "gateway", GATEWAY, folder) as gateway, ExitStack() as asked:
        gateway.starts()
        early = asked.enter_context(Asking(ports["proxy"], simulator, fault="stall-after=3:4"))
        early.read_some()
        began_s = time.monotonic()
        sleeping = threading.Thread(target=gateway.pre_stop)
        sleeping.start()
        with Asking(ports["proxy"], simulator) as late:
            assert late.read_to_end().is_exact()
        assert gateway.passes("readinessProbe")
        sleeping.join()
        gateway.terminate()
        wait_until(lambda: not gateway.passes("readinessProbe"), what="the pod to be not ready")
        wait_until(lambda: is_refused(ports["proxy"]), what="no new connections")
        assert gateway.passes("livenessProbe")
        early.read_to_end()

        assert early.is_exact()
        assert gateway.wait(pod.spec["terminationGracePeriodSeconds"] - (time.monotonic() - began_s)) == 0
        assert time.monotonic() - began_s < 15


def test_streams_that_do_not_end_are_cut_before_the_pod_is_killed(
    simulator: SimulatorProcess, ports: Ports, folder: Path
) -> None:
    pod = pod_of(release(simulator.url, ports, {"preStopSleepSeconds": 1, "config": {"grace_period_s": 1}}))
    left_s = pod.spec["terminationGracePeriodSeconds"]
    with Container(pod, "gateway", GATEWAY, folder) as gateway, ExitStack() as asked:
        gateway.starts()
        asking = asked.enter_context(Asking(ports["proxy"], simulator, fault="hold-after=3"))
        asking.read_some()
        left_s -= gateway.pre_stop()
        gateway.terminate()

        assert gateway.wait(left_s) == 0
        assert asking.read_to_end().is_cut
        assert [one["outcome"] for one in gateway.events("exchange")] == ["gateway_error"]


def test_what_comes_by_reference_arrives(simulator: SimulatorProcess, ports: Ports, folder: Path) -> None:
    """A Secret's key, settings, and the pod's own fields in what it tells of itself."""
    values = {
        "config": {"attribution": {"team": "key-fingerprint"}},
        "fingerprintSecret": {"name": "fingerprints"},
        "otlp": {"resourceAttributes": {"service.namespace": "llm, prod"}},
    }
    pod = pod_of(release(simulator.url, ports, values), [secret("fingerprints", {"fingerprint-secret": SECRET})])
    with Container(pod, "gateway", GATEWAY, folder) as gateway:
        gateway.starts()
        with Asking(ports["proxy"], simulator, key="key-1") as asking:
            asking.read_to_end()
        (ended,) = wait_until(lambda: gateway.events("exchange"), what="the line of the exchange")
        printed = gateway.execute(["printenv", "OTEL_RESOURCE_ATTRIBUTES", "INTERACTIONS_GATEWAY_MEMORY_LIMIT_BYTES"])

        assert ended["team"] == fingerprint(SECRET, b"key-1")
        assert printed.stdout.splitlines() == [
            f"k8s.pod.name={pod.name},k8s.pod.uid={pod.uid},k8s.namespace.name={NAMESPACE},k8s.node.name={pod.node},"
            "service.namespace=llm%2C%20prod",
            str(768 * 2**20),
        ]


def test_settings_that_change_are_taken_up_by_the_running_pod(
    simulator: SimulatorProcess, ports: Ports, folder: Path
) -> None:
    """The ConfigMap is written anew as the kubelet does; no pod is replaced, since its checksum stays."""
    before = release(simulator.url, ports)
    after = release(simulator.url, ports, {"config": {"log": {"level": "debug"}}, "pricing": _prices()})
    templates = [one.one("Deployment")["spec"]["template"] for one in (before, after)]
    with Container(pod_of(before), "gateway", GATEWAY, folder) as gateway:
        gateway.starts()
        gateway.write_volumes(pod_of(after))
        wait_until(lambda: gateway.events("reloaded"), 20, what="the line `reloaded`")

        assert gateway.events("not_reloaded") == []
        assert templates[0] == templates[1]


def _prices() -> str:
    return (CHART.parents[1] / "config" / "pricing.toml").read_text(encoding="utf-8")


# The sidecar, with the example's application beside it.


def test_a_job_with_the_sidecar_asks_once_and_ends(simulator: SimulatorProcess, ports: Ports, folder: Path) -> None:
    """In the kubelet's order: the sidecar until it has started, the application until its end, the sidecar's end."""
    pod, _ = application("Job", simulator.url, ports)
    for name in ("one", "other"):
        (folder / name).mkdir()
    with Container(pod, "interactions-gateway", GATEWAY, folder / "one") as gateway:
        gateway.starts()
        for name in PROBES:
            assert gateway.passes(name), name
        assert not is_refused(ports["proxy"])
        with Container(pod, "assistant", APPLICATION, folder / "other") as asker:
            assert asker.wait(60) == 0
            assert asker.log_lines() == [ANSWER]
        (ended,) = wait_until(lambda: gateway.events("exchange"), what="the line of the exchange")
        began_s = time.monotonic()
        gateway.pre_stop()
        gateway.terminate()

        assert ended["outcome"] == "completed"
        assert gateway.wait(pod.spec["terminationGracePeriodSeconds"]) == 0
        assert time.monotonic() - began_s < 10


def test_an_application_that_is_told_to_end_reads_its_stream_to_the_end(ports: Ports, folder: Path) -> None:
    """The application has SIGTERM first; its gateway stays until it is gone."""
    for name in ("one", "other"):
        (folder / name).mkdir()
    with SimulatorProcess(pace=5) as slow:
        pod, _ = application("Deployment", slow.url, ports)
        with Container(pod, "interactions-gateway", GATEWAY, folder / "one") as gateway, ExitStack() as later:
            gateway.starts()
            asker = later.enter_context(Container(pod, "assistant", APPLICATION, folder / "other"))
            wait_until(slow.ledger, 30, what="the application's request")
            assert asker.is_running
            asker.terminate()
            assert asker.wait(pod.spec["terminationGracePeriodSeconds"]) == 0
            gateway.terminate()

            assert gateway.wait(15) == 0
            assert asker.log_lines() == [ANSWER]
            assert [one["outcome"] for one in gateway.events("exchange")] == ["completed"]


def test_the_image_is_what_the_dockerfile_says() -> None:
    """Entrypoint, command, variables and user that are assumed of the image above."""
    text = (CHART.parents[1] / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    (variables,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    env = dict(one.split("=", 1) for one in variables.replace("\\\n", " ").split())

    said = {word: json.loads(re.findall(rf"^{word} (.*)$", text, re.MULTILINE)[0]) for word in ("ENTRYPOINT", "CMD")}

    assert said == {"ENTRYPOINT": list(GATEWAY.entrypoint), "CMD": list(GATEWAY.command)}
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [f"{GATEWAY.uid}:{GATEWAY.gid}"]
    assert {name: value for name, value in env.items() if name != "PATH"} == dict(GATEWAY.env)
