"""Every alert, fired by traffic: simulator, gateway, Prometheus, Alertmanager, webhook, all real, and over again."""
