"""The worker: one chunk, a pool of processes, and the only hand that writes its task's events."""
