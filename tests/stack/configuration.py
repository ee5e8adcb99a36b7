"""The stack's own configuration with this machine's addresses in it.

Not here: starting anything (__main__.py). Promise: nothing but addresses and the path of the rules differs from the
files of config/stack, so that what runs here is what runs there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
STACK: Final = ROOT / "config" / "stack"
RULES: Final = ROOT / "config" / "rules"
ALERTMANAGER_FILE: Final = STACK / "alertmanager.yml"


def prometheus_config(gateway: str, alertmanager: str, interval: str = "") -> dict[str, Any]:
    """config/stack/prometheus.yml for addresses as host and port.

    interval: between scrapes and between evaluations, such as 1s; as in the file by default.
    """
    config: dict[str, Any] = yaml.safe_load((STACK / "prometheus.yml").read_text(encoding="utf-8"))
    config["rule_files"] = [str(ROOT / "config" / pattern) for pattern in config["rule_files"]]
    (told,) = config["alerting"]["alertmanagers"]
    (scraped,) = config["scrape_configs"]
    told["static_configs"] = [{"targets": [alertmanager]}]
    scraped["static_configs"] = [{"targets": [gateway]}]
    if interval:
        config["global"] |= {"scrape_interval": interval, "evaluation_interval": interval}
    return config
