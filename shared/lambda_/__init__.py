"""Entry points for the events of AWS Lambda."""
