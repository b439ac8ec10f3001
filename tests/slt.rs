//! Runs every .slt file.
fn main() {}
