"""The human test: a page that asks "real or colorized?", and what the answers say."""
