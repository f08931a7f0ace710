//! What do a first and a resumed handshake cost?

use handclasp_explain::Side;
use serde::Serialize;

use super::prober::Probe;
use super::section::{Row, Section};

/// What one handshake has cost, up to the client's Finished.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HandshakeCost {
    pub client_bytes: u64,
    pub server_bytes: u64,
    pub round_trips: u32,
    pub milliseconds: f64,
}

impl HandshakeCost {
    /// Of a handshake that has just ended.
    pub fn of(probe: &Probe) -> Self {
        let account = probe.account();
        Self {
            client_bytes: account.sizes.of(Side::Client).bytes,
            server_bytes: account.sizes.of(Side::Server).bytes,
            round_trips: account.round_trips,
            milliseconds: probe.took.as_secs_f64() * 1e3,
        }
    }

    fn words(&self) -> String {
        let trips = match self.round_trips {
            1 => "1 round trip".to_owned(),
            count => format!("{count} round trips"),
        };
        let Self { client_bytes, server_bytes, milliseconds, .. } = self;
        format!(
            "{client_bytes} bytes from the client, {server_bytes} from the server, {trips}, \
             {milliseconds:.1} ms"
        )
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    pub first: HandshakeCost,
    pub resumed: Option<HandshakeCost>,
    /// With 0-RTT data accepted: the application's first data go with the ClientHello.
    pub early_data: Option<HandshakeCost>,
}

impl Section for Cost {
    fn title(&self) -> &'static str {
        "Cost of a handshake"
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::new("first", self.first.words())];
        rows.extend(self.resumed.as_ref().map(|cost| Row::new("resumed", cost.words())));
        let early = self.early_data.as_ref();
        rows.extend(early.map(|cost| Row::new("with 0-RTT data", cost.words())));
        rows
    }
}
