"""Files that are stored in the database in chunks: uploads that a job reads, and results that a job writes."""
