"""Why a benchmark cannot run, in one line for whoever started it."""


class Failure(Exception):
    """The whole run ends with this line."""


class Missing(Exception):
    """An engine is left out, and the report says why."""
