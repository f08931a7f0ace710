//! Polling an asynchronous transport as one that returns `WouldBlock`, and the wakers for it.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An asynchronous transport during one poll: `Pending` is `WouldBlock`.
pub(super) struct Polled<'a, 'w, T> {
    pub(super) transport: &'a mut T,
    pub(super) context: &'a mut Context<'w>,
}

fn would_block<R>(poll: Poll<io::Result<R>>) -> io::Result<R> {
    match poll {
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        // No waker is registered for this one, so the task must not wait for it.
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::Error::other(error))
        }
        Poll::Ready(result) => result,
    }
}

impl<T: AsyncRead + Unpin> Read for Polled<'_, '_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        would_block(Pin::new(&mut *self.transport).poll_read(self.context, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl<T: AsyncWrite + Unpin> Write for Polled<'_, '_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        would_block(Pin::new(&mut *self.transport).poll_write(self.context, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        would_block(Pin::new(&mut *self.transport).poll_flush(self.context))
    }
}

impl<T: AsyncWrite + Unpin> Polled<'_, '_, T> {
    /// Writes all of `bytes`, and removes from their front what was written.
    pub(super) fn write_all_of(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes)?;
            match bytes.get(count..) {
                Some(rest) if count > 0 => *bytes = rest,
                _ => return Err(io::ErrorKind::WriteZero.into()),
            }
        }
        self.flush()
    }

    pub(super) fn shutdown(&mut self) -> io::Result<()> {
        would_block(Pin::new(&mut *self.transport).poll_shutdown(self.context))
    }
}

/// The half of a stream that a task polls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Reader,
    Writer,
}

/// The tasks that wait for a stream's two halves.
///
/// A transport remembers one waker for each direction. Here the reader may write (outgoing bytes), and
/// the writer may read (in a handshake): one half would replace the waker of the other. So the
/// transport gets a waker that wakes both.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Wakers {
    fn slot(&self, half: Half) -> &Mutex<Option<Waker>> {
        match half {
            Half::Reader => &self.reader,
            Half::Writer => &self.writer,
        }
    }

    /// Remembers the waker of the task that waits for this half.
    pub(super) fn register(&self, half: Half, waker: &Waker) {
        let mut slot = self.slot(half).lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(registered) => registered.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    /// Wakes the task that waits for the half that is not `half`.
    pub(super) fn wake_other(&self, half: Half) {
        self.wake_half(match half {
            Half::Reader => Half::Writer,
            Half::Writer => Half::Reader,
        });
    }

    /// Removes the waker of this half: its task does not wait any more.
    pub(super) fn forget(&self, half: Half) -> Option<Waker> {
        self.slot(half).lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wake_half(&self, half: Half) {
        // The lock is released before the task is woken.
        if let Some(waker) = self.forget(half) {
            waker.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_half(Half::Reader);
        self.wake_half(Half::Writer);
    }
}
