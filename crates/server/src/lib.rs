//! Flight SQL and HTTP over a Driftline database.
