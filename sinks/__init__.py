"""OUT: topics to tables and stores."""
