"""Defines the errors that say in one line why a benchmark or an engine cannot run."""


class Failure(Exception):
    """The whole run ends with this line."""


class Missing(Exception):
    """An engine is left out, and the report says why."""
