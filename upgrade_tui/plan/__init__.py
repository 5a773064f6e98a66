"""The plan file: what the operators intend. Reading it with diagnostics, batches, estimates."""
