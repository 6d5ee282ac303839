"""One turn of an anonymous visitor's chat."""
