//! Command line of Driftline.
fn main() {}
