"""Grafana's dashboards as code: panels are declared, their JSON is written."""
