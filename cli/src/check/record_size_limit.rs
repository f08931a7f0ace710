//! Does the server know limits on the size of records (RFC 8449)?

use handclasp::ClientConnection;
use serde::Serialize;

use super::section::{Row, Section};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordSizeLimit {
    /// The most that the server takes in a record: content, type and padding, in bytes. `None` if it did
    /// not answer the limit of the client.
    pub limit: Option<u16>,
}

impl RecordSizeLimit {
    pub fn of(connection: &ClientConnection) -> Self {
        Self { limit: connection.parameters().record_size_limit }
    }
}

impl Section for RecordSizeLimit {
    fn title(&self) -> &'static str {
        "Record size limit"
    }

    fn rows(&self) -> Vec<Row> {
        let limit = match self.limit {
            Some(limit) => format!("{limit} bytes"),
            None => "the server does not have the extension".to_owned(),
        };
        vec![Row::new("limit", limit)]
    }
}
