"""The template of the deployment."""
