"""``litmus-sidecar store``: back up, restore, measure and tidy the configured store."""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import click
import msgspec

from sidecar.app.compose import utc_now
from sidecar.cli.options import FINE, config_option, echo_json, json_option, run
from sidecar.config import Config, load_config
from sidecar.config.store_url import StoreAddress, parse_url
from sidecar.domain.errors import ConfigError, StoreError
from sidecar.store.backup import back_up, restore
from sidecar.store.pruning import Pruned, prune_now
from sidecar.store.stats import StoreStats, read_stats
from sidecar.store.store import open_store
from sidecar.telemetry.logs import configure_logging

_MEMORY: Final = "litmusSidecar.store.url is memory:, which keeps nothing; configure a store that lasts."
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


class TableShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One table."""

    name: str
    rows: int


class StatsShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What ``stats --json`` prints."""

    store: str
    """The address, without user and password."""
    schema: str | None
    newest_schema: str
    size_bytes: int
    free_bytes: int | None
    tables: list[TableShape]


def stats_shape(address: StoreAddress, stats: StoreStats) -> StatsShape:
    """Return the figures for programs."""
    return StatsShape(
        store=address.description,
        schema=stats.revision,
        newest_schema=stats.newest_revision,
        size_bytes=stats.size_bytes,
        free_bytes=stats.free_bytes,
        tables=[TableShape(name=one.name, rows=one.rows) for one in stats.tables],
    )


def lines(shape: StatsShape) -> list[str]:
    """Return the figures for people."""
    schema = "none yet" if shape.schema is None else shape.schema
    if shape.schema != shape.newest_schema:
        schema += f" (the newest is {shape.newest_schema})"
    size = size_text(shape.size_bytes)
    if shape.free_bytes is not None:
        size += f", {size_text(shape.free_bytes)} of it free"
    told = [("store", shape.store), ("schema", schema), ("size", size)]
    return [f"{name:20}{value}" for name, value in told] + [
        f"{table.name:20}{table.rows:,} {'row' if table.rows == 1 else 'rows'}" for table in shape.tables
    ]


def size_text(size_bytes: int) -> str:
    """Return bytes as people read them: three digits at most, and their unit."""
    value, unit = float(size_bytes), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{size_bytes} bytes"


def postgresql_command(address: StoreAddress, *command: str) -> str:
    """Return the command with the database's place, its user and password left out."""
    names = {"host": "--host", "port": "--port", "dbname": "--dbname"}
    places = [
        f"{option}={address.parameters[name]}" for name, option in names.items() if name in address.parameters
    ]
    return shlex.join([command[0], *places, *command[1:]])


@click.group("store", help="The configured store: back up, restore, measure, tidy.")
def store_group() -> None:
    """Group of the commands for the store."""


@store_group.command("backup", help="Write a copy of an SQLite store into FILE, beside a running service.")
@config_option
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup_command(environ: Mapping[str, str], config_paths: tuple[Path, ...], file: Path) -> int:
    """Copy the store into a new file."""
    _, address = _configured(environ, config_paths)
    if address.file is None:
        dump = postgresql_command(address, "pg_dump", "--format=custom", f"--file={file}")
        raise StoreError(f"PostgreSQL is backed up with its own command, as the user of store.url: {dump}")
    revision = back_up(Path(address.file), file)
    click.echo(
        f"Backed up {address.file} into {file}, schema {revision}. Keep it as you keep the store.", err=True
    )
    return FINE


@store_group.command(
    "restore", help="Make the SQLite store of what backup wrote into FILE. The service must have ended."
)
@config_option
@click.option("--replace", is_flag=True, help="Overwrite the store that is there.")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def restore_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    replace: bool,  # noqa: FBT001 - click passes options by name
    file: Path,
) -> int:
    """Copy a backup into the place of the store."""
    _, address = _configured(environ, config_paths)
    if address.file is None:
        load = postgresql_command(address, "pg_restore", "--clean", "--if-exists", "--no-owner", str(file))
        raise StoreError(
            "PostgreSQL is restored with its own command, as the user of store.url, after all replicas "
            f"ended: {load}"
        )
    revision = restore(file, Path(address.file), replace=replace)
    click.echo(
        f"Restored {address.file} from {file}, schema {revision}. "
        "Revoke again the shared pictures that were revoked after the backup.",
        err=True,
    )
    return FINE


@store_group.command("stats", help="Print size, schema and rows of the store. Changes nothing.")
@config_option
@json_option
@click.pass_obj
def stats_command(
    environ: Mapping[str, str],
    config_paths: tuple[Path, ...],
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> int:
    """Count what is in the store."""
    _, address = _configured(environ, config_paths)
    shape = stats_shape(address, run(read_stats(address)))
    if as_json:
        echo_json(shape)
    else:
        click.echo("\n".join(lines(shape)))
    return FINE


@store_group.command(
    "prune",
    help="Remove now what a service removes by and by: what is older than history.retentionDays, and "
    "what has expired. An SQLite file keeps its size and fills the free space first.",
)
@config_option
@click.pass_obj
def prune_command(environ: Mapping[str, str], config_paths: tuple[Path, ...]) -> int:
    """Forget what is old."""
    config, address = _configured(environ, config_paths)
    if address.file is not None and not Path(address.file).is_file():
        raise StoreError(f"{address.file} does not exist or is no file.")
    pruned = run(_prune(config))
    click.echo(
        f"Removed what is older than {config.history.retention_days} days: {pruned.runs:,} runs, "
        f"{pruned.actions:,} actions, {pruned.audit_entries:,} entries of the audit; and {pruned.others:,} "
        "shares, locks and uses of tokens that have expired.",
        err=True,
    )
    return FINE


async def _prune(config: Config) -> Pruned:
    async with open_store(config.store.url.get_secret_value(), clock=utc_now) as store:
        return await prune_now(store, utc_now, timedelta(days=config.history.retention_days))


def _configured(environ: Mapping[str, str], config_paths: tuple[Path, ...]) -> tuple[Config, StoreAddress]:
    configure_logging(level="error")
    config = load_config(config_paths, environ)
    address = parse_url(config.store.url.get_secret_value())
    if address.is_memory:
        raise ConfigError((_MEMORY,))
    return config, address
