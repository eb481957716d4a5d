"""The files of config/ that others read."""
