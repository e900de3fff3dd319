//! Session logs with lineage.
