//! Writes the page that explains captures: `write_page FILE`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("usage: write_page FILE");
        return ExitCode::from(2);
    };
    let file = Path::new(&file);
    match handclasp_explain_browser::write_page(file) {
        Ok(length) => {
            println!("{}: {length} bytes", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
