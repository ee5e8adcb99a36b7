"""Pictures of the dashboards: their JSON and a Prometheus in, PNG files out, drawn with matplotlib."""
