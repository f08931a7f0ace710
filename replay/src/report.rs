use core::fmt;

/// The side of a handshake that handclasp played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// handclasp was the client, the trace the server.
    Client,
    /// handclasp was the server, the trace the client.
    Server,
}

impl Role {
    /// The other side.
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// One comparison of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The side that handclasp played.
    pub role: Role,
    /// What was done, in the RFC's words: `derive secret "tls13 c hs traffic"`, `send handshake
    /// record`.
    pub step: String,
    /// Which value of the step: `PRK`, `expanded`, `complete record`.
    pub value: String,
    /// What the trace says.
    pub expected: Vec<u8>,
    /// What handclasp did; `None` if it never got there.
    pub actual: Option<Vec<u8>>,
}

impl Check {
    /// Are they the same?
    pub fn passed(&self) -> bool {
        self.actual.as_ref() == Some(&self.expected)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = if self.passed() { "same" } else { "DIFFERENT" };
        write!(f, "{}: {}, {}: {result}", self.role, self.step, self.value)
    }
}

/// How far a replay got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// To the end of the trace.
    Complete,
    /// Not to the end: this went wrong.
    Stopped(String),
}

/// What came of one section in one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The section of RFC 8448.
    pub section: u8,
    /// Its title.
    pub title: String,
    /// The side that handclasp played.
    pub role: Role,
    /// How far it got. A report passes only if this is [`Status::Complete`].
    pub status: Status,
    /// Every comparison, in the order of the trace.
    pub checks: Vec<Check>,
}

impl Report {
    /// How many comparisons were made.
    pub fn total(&self) -> usize {
        self.checks.len()
    }

    /// How many of them found the same bytes.
    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.passed()).count()
    }

    /// How many bytes were compared and found the same.
    pub fn bytes(&self) -> usize {
        self.checks.iter().filter(|check| check.passed()).map(|check| check.expected.len()).sum()
    }

    /// The comparisons that found a difference.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed())
    }

    /// Did it get to the end of the trace, with no difference found?
    pub fn is_success(&self) -> bool {
        self.status == Status::Complete && self.total() > 0 && self.failures().next().is_none()
    }
}
