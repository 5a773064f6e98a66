"""The details column of a wide screen: what is under the cursor."""
