//! What a connection is to the test: TLS records, or the runner's stand-in for QUIC.

use handclasp::Error;
use handclasp::alert::AlertDescription;
use handclasp::connection::{Connection, Received};
use handclasp::handshake::{Answer, PeerParameters, Question, QuestionNumber};

/// What came in a record.
pub enum Came {
    Data(Vec<u8>),
    Closed,
    /// More bytes are needed.
    Incomplete,
    /// An answer is needed.
    Waiting,
    Other,
}

/// A connection.
pub trait Carrier {
    fn parameters(&self) -> &PeerParameters;
    fn is_handshaking(&self) -> bool;
    fn question(&self) -> Option<&Question>;
    fn question_number(&self) -> Option<QuestionNumber>;
    fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error>;
    fn abort(&mut self, alert: AlertDescription, reason: &str) -> Error;
    fn close(&mut self);
    fn peer_has_closed(&self) -> bool;
    fn end_of_input(&mut self) -> Result<(), Error>;
    fn update_keys(&mut self) -> Result<(), Error>;
    fn export(&self, label: &str, context: &[u8], key: &mut [u8]) -> Result<(), Error>;
    fn write(&mut self, data: &[u8]) -> Result<usize, Error>;
    fn write_early_data(&mut self, data: &[u8]) -> Result<usize, Error>;
    fn outgoing(&self) -> &[u8];
    fn sent(&mut self, length: usize);
    /// Takes a record from the front. Returns how many bytes it had, and what came.
    fn receive(&mut self, input: &mut [u8]) -> Result<(usize, Came), Error>;
}

impl Carrier for Connection {
    fn parameters(&self) -> &PeerParameters {
        self.parameters()
    }

    fn is_handshaking(&self) -> bool {
        self.is_handshaking()
    }

    fn question(&self) -> Option<&Question> {
        self.question()
    }

    fn question_number(&self) -> Option<QuestionNumber> {
        self.question_number()
    }

    fn answer(&mut self, number: QuestionNumber, answer: Answer) -> Result<(), Error> {
        self.answer(number, answer)
    }

    fn abort(&mut self, alert: AlertDescription, reason: &str) -> Error {
        self.abort(alert, reason)
    }

    fn close(&mut self) {
        self.close();
    }

    fn peer_has_closed(&self) -> bool {
        self.peer_has_closed()
    }

    fn end_of_input(&mut self) -> Result<(), Error> {
        self.end_of_input()
    }

    fn update_keys(&mut self) -> Result<(), Error> {
        self.update_keys(false)
    }

    fn export(&self, label: &str, context: &[u8], key: &mut [u8]) -> Result<(), Error> {
        self.export_keying_material(label, context, key)
    }

    fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.write(data)
    }

    fn write_early_data(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.write_early_data(data)
    }

    fn outgoing(&self) -> &[u8] {
        self.outgoing()
    }

    fn sent(&mut self, length: usize) {
        self.sent(length);
    }

    fn receive(&mut self, input: &mut [u8]) -> Result<(usize, Came), Error> {
        let (taken, received) = self.receive(input)?;
        let came = match received {
            Received::Data(data) | Received::EarlyData(data) => Came::Data(data.to_vec()),
            Received::Closed => Came::Closed,
            Received::Incomplete => Came::Incomplete,
            Received::Waiting => Came::Waiting,
            _ => Came::Other,
        };
        Ok((taken, came))
    }
}
