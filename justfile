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

# Hostile bytes at one target of crates/hostile: frames, payloads, sidecars, recovery, encoded, foreign, imports or lines, for so many seconds, in
# the background of everything else. Needs a nightly compiler and cargo-fuzz; without a sanitizer, for nothing here is unsafe.
fuzz target seconds="60" *arguments:
    cargo test -q -p annals-hostile --lib draws_are_written -- --ignored
    mkdir -p target/hostile/{{target}}
    CARGO_TARGET_DIR=$PWD/target/fuzz nice -n 19 cargo +nightly fuzz run --fuzz-dir crates/hostile/fuzz --sanitizer none \
        {{ if target =~ "encoded|foreign|imports|lines" { "--features cli" } else { "" } }} {{target}} target/hostile/{{target}} crates/hostile/corpus/{{target}} \
        -- -max_total_time={{seconds}} -max_len=4096 -timeout=30 -malloc_limit_mb=256 -print_final_stats=1 {{arguments}}

# Every byte of a log of 1 MiB flipped, and every length cut; can be stopped and gone on with.
every-byte part="1/1":
    ANNALS_EVERY_BYTE={{part}} cargo test --release -p annals-hostile --lib every_flip -- --ignored
    awk '{ for (i = 2; i <= 7; i++) sum[i] += $i } END { print "flips " sum[2] ", cuts " sum[3] ", told " sum[4] ", meaningless " sum[5] ", lagging " sum[6] ", whole " sum[7] }' target/hostile/every-byte.tsv
    cat target/hostile/every-byte-residual.txt

# Record and frame code under Miri (needs a nightly compiler with miri and rust-src); waits and whole logs are left out.
miri:
    PROPTEST_CASES=2 MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p annals-record --lib --features model,json \
        -- batch:: cursor:: decimal:: identity:: limits:: payload::
    PROPTEST_CASES=2 MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p annals-journal --lib \
        -- frame:: block:: crc:: seal:: segment::

# Mutants of the files on which durability rests, or of those named: each is tried by unit tests and by trials. Needs
# cargo-mutants; goes on where it was. For example: just mutants watermark retention/apply
mutants *arguments:
    .ci/mutants --trees 2 {{arguments}}
