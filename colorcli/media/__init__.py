"""Files in and out: the only place that knows codecs."""
