"""The errors that end a call, each with its exit code."""


class PlotError(Exception):
    """A message for the user: problem (why it is a problem) suggestion."""

    code = 2


class ResultError(PlotError):
    """One result file that cannot be used; the other files of the call can."""


class JoinError(PlotError):
    """Result files that do not belong in one curve."""


class OutputError(PlotError):
    """The plot could not be written."""

    code = 6
