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

# So many million crash images of the journal, some 500 to a number, on both cores; goes on behind what its ledger has.
crash millions="1" ledger="target/ledger-crash.jsonl":
    cargo run --release -p annals-proof -- crash --cases $(({{millions}} * 2000)) --threads 2 --ledger {{ledger}}

# Every call of every operation of the journal fails once, in every way.
sweep *arguments:
    cargo run --release -p annals-proof -- sweep --threads 2 {{arguments}}

# The crash tests with so many times their committed cases.
crash-tests times="2000":
    ANNALS_CRASH_CASES={{times}} cargo test --release -p annals-cli --test all journal_crash

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
