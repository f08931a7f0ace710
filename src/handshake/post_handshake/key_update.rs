//! KeyUpdate (RFC 9846, section 4.7.3): new traffic keys on a connection. `wire/key_update.rs` has its
//! form. `connection/outbound.rs` asks for an update when a key has protected enough (section 5.5).

use super::{Connected, Context};
use crate::error::{Error, ErrorKind};
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::handshake::{Handshake, Level};
use crate::wire::{HandshakeMessage, KeyUpdate};

/// How often a key is updated at most (section 4.7.3).
const MAX_KEY_UPDATES: u64 = (1 << 48) - 1;

/// The key updates of a connection.
#[derive(Default)]
pub(super) struct KeyUpdates {
    /// The peer asked for an update of this side's key, and has not got it yet.
    owed: bool,
    /// This side asked for an update of the peer's key, and has not got it yet.
    requested: bool,
    /// Updates of this side's key: at most [`MAX_KEY_UPDATES`].
    sent: u64,
}

impl Handshake {
    /// Changes this side's sending key, and asks the peer to change its own if `request` is set
    /// (section 4.7.3). The request is left out while an earlier one is unanswered. If the peer has asked
    /// for an update, the answer is sent before the request: it is a KeyUpdate of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] before the handshake is complete, and
    /// [without records](Self::without_records): the transport changes the keys there.
    pub fn update_keys(&mut self, request: bool) -> Result<(), Error> {
        self.connected()?;
        if !self.context.records {
            return Err(ErrorKind::Misuse("without records the transport changes the keys").into());
        }
        self.with_connected(|connected, context| connected.send_key_update(request, context))
    }

    /// Sends the answer to a KeyUpdate request, if one is owed: before the next application data
    /// (section 4.7.3).
    ///
    /// # Errors
    /// The error that ended the handshake.
    pub fn answer_key_update(&mut self) -> Result<(), Error> {
        match self.connected() {
            Ok(connected) if connected.key_updates.owed => self.update_keys(false),
            _ => self.check(),
        }
    }

    /// Whether [`answer_key_update`](Self::answer_key_update) has an answer to send.
    pub(crate) fn owes_key_update(&self) -> bool {
        self.connected().is_ok_and(|connected| connected.key_updates.owed)
    }
}

impl KeyUpdates {
    /// The peer has changed its key. Its request for an answer is remembered only: many requests in
    /// a row get one answer. It may come while a question is open: `Connection::receive` opens no
    /// record then, and without records there is no KeyUpdate. A request_update that is neither 0
    /// nor 1 is an `illegal_parameter` (section 4.7.3; `wire/key_update.rs`). If it does not end its
    /// record, `machine/mod.rs` (`read`) has refused it.
    pub(super) fn on_key_update(
        &mut self,
        message: &HandshakeMessage<'_>,
        secrets: &mut ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        let update = KeyUpdate::parse(message.body)?;
        let read = secrets.update_read(&mut context.observers)?;
        context.steps.read_keys(Level::Application, read);
        self.requested = false;
        self.owed |= update.update_requested;
        Ok(())
    }
}

impl Connected {
    /// Sends a KeyUpdate. The answer to a request of the peer asks for nothing, so a request of this side
    /// follows it in another KeyUpdate (section 4.7.3).
    fn send_key_update(&mut self, request: bool, context: &mut Context) -> Result<(), Error> {
        let update_requested = request && !self.key_updates.requested;
        if self.key_updates.owed && update_requested {
            self.change_key(false, context)?;
        }
        self.change_key(update_requested, context)
    }

    /// Sends this KeyUpdate, and changes the key. No key is updated more than 2^48-1 times (section
    /// 4.7.3).
    fn change_key(&mut self, update_requested: bool, context: &mut Context) -> Result<(), Error> {
        let updates = &mut self.key_updates;
        updates.owed = false;
        if updates.sent >= MAX_KEY_UPDATES {
            return Ok(());
        }
        updates.requested |= update_requested;
        updates.sent += 1;
        context.send(None, |out| KeyUpdate { update_requested }.encode(out));
        let write = self.secrets.update_write(&mut context.observers)?;
        context.steps.write_keys(Level::Application, write);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::post_handshake::tests::{connected, pass};

    #[test]
    fn no_key_is_updated_more_often_than_a_sender_may() {
        let (mut client, mut server) = connected();
        let last = |connected: &mut Connected, _: &mut Context| {
            connected.key_updates.sent = MAX_KEY_UPDATES - 1;
            Ok(())
        };
        client.with_connected(last).unwrap();
        client.update_keys(false).unwrap();
        assert_eq!(pass(&mut client, &mut server), 1, "the last one");
        client.update_keys(true).unwrap();
        assert_eq!(pass(&mut client, &mut server), 0);
        // A request is ignored then. The receiver of updates does not count them.
        server.update_keys(true).unwrap();
        assert_eq!(pass(&mut server, &mut client), 1);
        client.answer_key_update().unwrap();
        assert_eq!(pass(&mut client, &mut server), 0);
    }
}
