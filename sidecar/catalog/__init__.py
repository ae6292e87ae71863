"""Which entity belongs to which Litmus project, read from catalog descriptions.

``entities`` is pure and the same for every source of documents; ``files``
reads them from disk. Must not know Litmus, nor decide who may see what.
"""

from sidecar.catalog.entities import Document, catalog_of
from sidecar.catalog.files import FileCatalog

__all__ = ["Document", "FileCatalog", "catalog_of"]
