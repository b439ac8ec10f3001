//! Shared by the two test binaries.
