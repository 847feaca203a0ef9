"""The sandbox: made-up data, the same each time, made through the services that serve everybody else."""
