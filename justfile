# The few commands anyone needs. `just` lists them.

default:
    @just --list

# Everything CI runs.
ci:
    .ci/run

# Format, lint, test: before a commit.
check:
    cargo fmt --all
    cargo clippy --workspace --exclude annals-bench --all-targets --all-features -- -D warnings
    cargo clippy -p annals-bench --all-targets -- -D warnings
    cargo test --workspace

# Grow a knowledge base out of the shipped data and look at it.
tour:
    cargo run --release --example tour

# The documents of all crates, with warnings denied.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude annals-bench --no-deps --all-features

# More crash images than CI has time for.
crash cases="2000":
    ANNALS_CRASH_CASES={{cases}} cargo test --release -p annals-cli --test all journal_crash

# Power cuts of the real binary: docs/proof.md (needs root and /dev/fuse). For example: just cut --seconds 3600 --ledger FILE
cut *arguments:
    cargo build --release -p annals-cli
    cargo run --release -p annals-proof -- cut {{arguments}}

# The journal beside other logs and the machine's limits: docs/performance.md. For example: just bench --quick
bench *arguments:
    cargo run --release -p annals-bench --features peers -- journal {{arguments}}

# From the journal into a store, beside other stores: docs/performance.md. For example: just bench-ingest --quick
bench-ingest *arguments:
    cargo run --release -p annals-bench --features peers -- ingest {{arguments}}

# Instructions of the journal's hot paths, compared with those on record (needs valgrind).
counts *arguments:
    cargo run --release -p annals-bench -- counts {{arguments}}

# Writers, readers in two processes, rolls, purges and scrubs at once, for ten minutes. For example: just stress --seconds 30
stress *arguments:
    cargo run --release -p annals-bench --features async -- stress {{arguments}}

# Licences, bans and sources of all dependencies (needs cargo-deny).
deny:
    cargo deny check bans licenses sources
