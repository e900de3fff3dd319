//! Many named journals under one root.

pub mod codec;
