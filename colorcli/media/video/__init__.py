"""Films: files and streams in and out, by PyAV. Imports nothing: the names of formats must be had without it."""
