//! The `handclasp` program.

fn main() {}
