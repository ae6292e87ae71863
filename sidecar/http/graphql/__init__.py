"""The door of the plugin: ``POST /api/query``. What may be asked and answered is for ``replica`` to say."""
