"""What a process reports to its operators: metrics for Prometheus."""
