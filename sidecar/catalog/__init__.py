"""Which entity belongs to which Litmus project, read from catalog descriptions.

``entities`` is pure and the same for every source of documents; ``files``
reads them from disk, ``backstage`` from Backstage's catalog, ``combined`` makes
one of both. Must not know Litmus, nor decide who may see what.
"""

from sidecar.catalog.backstage import BackstageCatalog
from sidecar.catalog.combined import CombinedCatalog
from sidecar.catalog.entities import Document, catalog_of
from sidecar.catalog.files import FileCatalog
from sidecar.catalog.fixed import FixedCatalog
from sidecar.catalog.signing import CatalogSigner

__all__ = [
    "BackstageCatalog",
    "CatalogSigner",
    "CombinedCatalog",
    "Document",
    "FileCatalog",
    "FixedCatalog",
    "catalog_of",
]
