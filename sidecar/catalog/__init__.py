"""Which entity belongs to which Litmus project, read from catalog descriptions.

``entities`` is pure and the same for every source of documents; ``files`` reads
them from disk, ``combined`` makes one of several, ``claims`` says whose a project
is. Must not know Litmus or Backstage's HTTP, nor decide who may see what.
"""

from sidecar.catalog.combined import CombinedCatalog
from sidecar.catalog.entities import Document, catalog_of
from sidecar.catalog.files import FileCatalog
from sidecar.catalog.static import StaticCatalog

__all__ = [
    "CombinedCatalog",
    "Document",
    "FileCatalog",
    "StaticCatalog",
    "catalog_of",
]
