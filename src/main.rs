//! Arguments to command to exit code.

use std::process::ExitCode;

/// Requests allocate and free small pieces on one thread; this allocator does that in fewer instructions than
/// the system's (`docs/decisions`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cutover::cli::main()
}
