"""The particle table, in memory (``table``), by column (``columns``) and as a Parquet file (``parquet``)."""
