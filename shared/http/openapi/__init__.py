"""OpenAPI documents, generated from the code on request; nothing here is loaded for any other request."""
