# The few commands anyone needs. `just` lists them.

default:
    @just --list

# Everything CI runs.
ci:
    .ci/run

# Format, lint, test: before a commit.
check:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cargo test --workspace

# Grow a knowledge base out of the shipped data and look at it.
tour:
    cargo run --release --example tour

# The documents of all crates, with warnings denied.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# More crash images than CI has time for.
crash cases="2000":
    ANNALS_CRASH_CASES={{cases}} cargo test --release -p annals-cli --test all journal_crash

# Licences, bans and sources of all dependencies (needs cargo-deny).
deny:
    cargo deny check bans licenses sources
