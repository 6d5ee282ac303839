"""OpenAPI documents, made of the code when somebody asks for one: nothing here is loaded to serve anything else."""
