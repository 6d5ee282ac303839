"""The shapes of request that meet at the URL, each made into one call."""
