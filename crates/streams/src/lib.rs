//! Many named journals under one root.
