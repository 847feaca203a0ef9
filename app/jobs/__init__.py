"""Background work: jobs of tenants, periodic tasks of the service, the worker that runs both, and /v1/jobs."""
