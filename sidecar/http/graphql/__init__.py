"""The door of the plugin: ``POST /api/query``. What may be asked and answered is ``replica``'s."""
