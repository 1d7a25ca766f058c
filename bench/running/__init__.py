"""The parent half of a measurement: jobs in order, workers, and when it is enough."""
