//! The traces of RFC 8448, replayed.
//!
//! The RFC publishes handshakes with their private keys and every value in between. Here both
//! roles of each trace run through handclasp's public API, with the trace's keys and random bytes
//! behind the seam to the primitives: what the library sends must be the trace's records, and what
//! it derives must be the trace's values, byte for byte.
//!
//! ```
//! use handclasp_replay::{Vectors, replay_all};
//!
//! for report in replay_all(&Vectors::embedded()?) {
//!     println!("section {}, {}: {} of {}", report.section, report.role, report.passed(), report.total());
//!     assert!(report.failures().next().is_none());
//! }
//! # Ok::<(), handclasp_replay::VectorError>(())
//! ```

mod compare;
mod primitives;
mod report;
mod rsa;
mod run;
mod scenario;
mod trace;
mod vectors;
mod watch;

pub use report::{Check, Report, Role, Status};
pub use trace::TraceRecord;
pub use vectors::{VectorError, Vectors};

use run::{Run, RunError};
use scenario::Scenario;
use vectors::Trace;

/// The sections of RFC 8448 that hold a handshake.
pub const SECTIONS: [u8; 5] = [3, 4, 5, 6, 7];

/// Replays every section in both roles, the client first.
pub fn replay_all(vectors: &Vectors) -> Vec<Report> {
    SECTIONS.into_iter().flat_map(|section| replay(section, vectors)).collect()
}

/// Replays one of [`SECTIONS`]: a report for the client and one for the server; none for a
/// section without a trace.
pub fn replay(section: u8, vectors: &Vectors) -> Vec<Report> {
    let Some(trace) = vectors.trace(section) else { return Vec::new() };
    let roles = [Role::Client, Role::Server].into_iter();
    roles.map(|role| replay_role(section, trace, role, vectors)).collect()
}

fn replay_role(section: u8, trace: &Trace, role: Role, vectors: &Vectors) -> Report {
    let title = &trace.steps.title;
    let mut run = Run::default();
    let played = Scenario::new(section, trace, vectors)
        .map_err(RunError::from)
        .and_then(|scenario| run.play(role, trace, &scenario));
    let status = match played {
        Ok(()) => Status::Complete,
        Err(error) => Status::Stopped(error.to_string()),
    };
    // What was not reached is compared too: it is different from the trace.
    let checks = compare::compare(role, trace, &run);
    Report { section, title: title.clone(), role, status, checks }
}
