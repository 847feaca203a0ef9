"""Events and audit rows, written in the transaction of the change they describe."""
