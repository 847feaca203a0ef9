"""What every route shares: the gateway, the write runner, problems, pages, ETags and the OpenAPI document."""
