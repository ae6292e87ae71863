"""The address of the store, read once: its text holds a password, the value made of it shows none.

PostgreSQL's own client library reads the address, so that whatever it knows
works: lists of hosts, ``options``, ``target_session_attrs``. Before that,
every text is refused that other programs would read differently: what one
takes for a password, another takes for a host or a database, and prints it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import uuid4

MEMORY_URL: Final = "memory:"
"""Store that keeps everything in this process; nothing survives its end."""
DEFAULT_PORT: Final = 5432
_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql://", "postgres://")
_WANTED: Final = f"must be sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE or {MEMORY_URL}"
_ESCAPES: Final = "write '@' in a user or password as %40, '/' as %2F, '?' as %3F and '#' as %23"
_AFTER_HOSTS: Final = re.compile(r"[/?#]")
_HOST: Final = re.compile(r"(/[^@,?#]*|[^\s@/?#,\[\]]+)")
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where the store is. Neither its description nor its ``repr`` holds a user or a password."""

    description: str
    """The address without user, password and options, for logs and pages."""
    has_credentials: bool = field(default=False, repr=False)
    """Whether it names a user or a password."""
    file: str | None = None
    """File of SQLite, or the URI of its database in memory; ``None`` for another kind of store."""
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """What PostgreSQL's client is told, by its own keywords; empty for another kind of store."""

    @property
    def is_memory(self) -> bool:
        """Whether nothing is kept beyond this process."""
        return self.description == MEMORY_URL

    @property
    def masked(self) -> str:
        """The address as people may see it, saying that there are credentials."""
        return self.description.replace("://", "://******@", 1) if self.has_credentials else self.description


def parse_url(text: str) -> StoreAddress:
    """Return what an address says: ``memory:``, ``sqlite:///relative``, ``sqlite:////absolute``, ``postgresql://…``.

    What ``memory:`` says is another database each time.

    Raises:
        ValueError: If it is none of these, or can be read in two ways. The words go on after the name of
            a key and hold nothing of the address.
    """
    text = text.strip()
    if text == MEMORY_URL:
        return StoreAddress(description=MEMORY_URL, file=f"file:/{uuid4().hex}?vfs=memdb")
    if not text.isprintable():
        raise ValueError(_WANTED)
    scheme = text[: text.find("://") + 3].lower()
    rest = text[len(scheme) :]
    if scheme == "sqlite://":
        return _sqlite(rest)
    if scheme in _POSTGRESQL:
        return _postgresql(rest)
    raise ValueError(_WANTED)


def _sqlite(rest: str) -> StoreAddress:
    file = rest.removeprefix("/")
    if not rest.startswith("/") or not file or "?" in file:
        raise ValueError(_WANTED)
    if file == ":memory:":
        raise ValueError(f"must name a file after sqlite:///; what keeps nothing is {MEMORY_URL}")
    return StoreAddress(description=_SQLITE + file, file=file)


def _postgresql(rest: str) -> StoreAddress:
    authority = _AFTER_HOSTS.split(rest, maxsplit=1)[0]
    path, _, query = rest[len(authority) :].partition("?")
    if "#" in rest or "@" in path or authority.count("@") > 1 or ("@" in query and not path):
        raise ValueError(f"can be read in two ways; {_ESCAPES}")
    # Its import takes longer than the rest of a configuration, and most stores are files.
    from psycopg import ProgrammingError  # noqa: PLC0415
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        # The library's sentence quotes the address; raised below, so that it is no cause either.
        read = conninfo_to_dict("postgresql://" + rest)
    except (ProgrammingError, ValueError):
        read = None
    if read is None:
        raise ValueError(
            "is not understood by PostgreSQL's client: each part after '?' must be one of its parameters, "
            "and a '%' in a user or password is written %25"
        )
    parameters = {name: str(value) for name, value in read.items() if value is not None}
    if not parameters.get("dbname"):
        raise ValueError(_WANTED)
    hosts = ",".join(_hosts(parameters))
    return StoreAddress(
        description=f"postgresql://{hosts}/{parameters['dbname']}",
        has_credentials=bool({"user", "password"} & parameters.keys()),
        parameters=MappingProxyType(parameters),
    )


def _hosts(parameters: Mapping[str, str]) -> Iterator[str]:
    """Each host with its port as they are shown; those of one list pair with those of the other."""
    hosts = (parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    ports = (parameters.get("port") or "").split(",")
    if len(ports) not in {1, len(hosts)}:
        raise ValueError("must give one port for all hosts, or one for each")
    for index, host in enumerate(hosts):
        port = ports[index if len(ports) > 1 else 0] or str(DEFAULT_PORT)
        if host and not _HOST.fullmatch(host):
            raise ValueError(_WANTED)
        if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= _HIGHEST_PORT):
            raise ValueError(f"has a port that is no number from 1 to 65535; {_ESCAPES}")
        if host.startswith("/"):
            yield host
        else:
            yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
