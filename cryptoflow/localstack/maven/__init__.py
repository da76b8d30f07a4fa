"""Programs that come as Java archives."""
