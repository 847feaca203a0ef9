"""The sandbox: reproducible sample data, created through the same services as any other data."""
