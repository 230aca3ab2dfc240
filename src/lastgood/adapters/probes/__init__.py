"""Asking the checks of a live version: Prometheus, HTTP or a command. An answer is a sample; no failure is raised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.probes.answers import Unanswered
from lastgood.core.checks import Kind, Sample
from lastgood.core.guarding.check import Check, Command, Http
from lastgood.core.guarding.guard import Guard
from lastgood.core.guarding.target import Target


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where commands run, with which variables; the tokens for sources are among these. `now` is in seconds since
    1970."""

    directory: Path
    environment: Mapping[str, str]
    now: Callable[[], float]


def ask(guard: Guard, check: Check, target: Target, here: Surroundings) -> Sample:
    """The answer to one check about one version, within the check's time."""
    from lastgood.adapters.probes import command, http, prometheus  # http.client is needed where something is watched

    try:
        if isinstance(check.source, Command):
            return command.ask(check.source, check.timeout, here.directory, here.environment, here.now)
        if isinstance(check.source, Http):
            return http.ask(check, check.source, target, here.environment, here.now)
        return prometheus.ask(guard, check, target, here.environment, here.now)
    except Unanswered as error:
        now = here.now()
        return Sample(error.kind, now, now, why=str(error))
    except ValueError as error:  # a placeholder without a value
        now = here.now()
        return Sample(Kind.ERROR, now, now, why=str(error))
