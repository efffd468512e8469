# What CI runs, and its parts.

# Everything that CI checks.
check:
    .ci/run

# The README's test command.
test:
    cargo test

# What is measured.
bench:
    cargo bench

# The tour.
demo:
    cargo run --release -- demo
