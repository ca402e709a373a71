"""Loads the harness into pytest; everything else is in harness/plugin.py."""

pytest_plugins = ["harness.plugin"]
