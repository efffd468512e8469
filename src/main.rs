//! Arguments to command to exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    cutover::cli::main()
}
