"""What every route shares: calls, the write runner, problems, pages, ETags, the guard and the OpenAPI document."""
