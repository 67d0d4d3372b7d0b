"""Films: frames in, steady colours out, file to file. Imports nothing: `options` must stay light."""
