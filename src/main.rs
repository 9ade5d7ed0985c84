//! The program `watchpost`: what a person types, and nothing else. All that it does is done by the library.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
