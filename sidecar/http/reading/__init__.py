"""What requests ask: entity, window, page, parameters. Reads snapshots and history, computes no figure."""
