"""Reading: records from text and tables, and the people they are about, without a model."""
